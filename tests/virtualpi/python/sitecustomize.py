"""Python starts with this on the virtual Raspberry Pi: libcamera and picamera2 find there what a Pi would have."""

from virtualpi import camera, imports, modes, scene

imports.after("libcamera", camera.make_it_a_sensor)
imports.after("picamera2", modes.give_it_some, scene.give_it_noise)
