"""What makes libcamera's virtual camera behave as a Raspberry Pi's."""
