/* One open video node. The Raspberry Pi's H.264 encoder is a V4L2 memory-to-memory device (kernel documentation,
 * "Memory-to-Memory Stateful Video Encoder Interface"): pictures are queued on its OUTPUT side, access units taken
 * from its CAPTURE side. Other nodes only tell what card they are. */
#pragma once
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "codec.h"

enum { SLOTS = 32 };

enum slot_state { IDLE, WAITING, IN_WORK, FINISHED };

struct slot {
    enum slot_state state;
    uint8_t *memory;
    size_t size;
    uint32_t bytes_used, flags, sequence;
    struct timeval captured;
};

struct fifo {
    unsigned int slots[SLOTS], first, count;
};

struct side {
    struct v4l2_pix_format_mplane format;
    struct slot slots[SLOTS];
    unsigned int slot_count;
    struct fifo waiting, finished;
    bool streaming;
    uint32_t sequence;
    int ready_fd; /* an eventfd, readable while `finished` holds something */
};

enum control_index {
    BITRATE, BITRATE_MODE, PROFILE, LEVEL, I_PERIOD, GOP_SIZE, REPEAT_HEADERS, HEADER_MODE, QP_MIN, QP_MAX, FORCE_KEY,
    CONTROL_COUNT
};

struct node {
    char card[32];
    bool encodes;
    int fd, lock_fd; /* the memory of the access units; the device file, whose lock is the encoder's owner */
    bool blocks;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t worker;
    bool closing, working;
    struct side pictures, units;
    struct v4l2_fract frame_interval;
    int controls[CONTROL_COUNT];
    bool keyframe_wanted, bitrate_changed;
    struct codec *codec;
    int since_keyframe;
};

/* Each gives 0, or -1 with errno set. The caller holds the node's lock. */
int fail(int error);

int control_transfer(struct node *node, uint32_t id, int *value, bool set);
void controls_reset(struct node *node);
int control_level_idc(const struct node *node);

void side_reset(struct node *node, struct side *side);
int side_allocate(struct node *node, struct side *side, struct v4l2_requestbuffers *request);
int side_enqueue(struct node *node, struct side *side, struct v4l2_buffer *buffer);
int side_dequeue(struct node *node, struct side *side, struct v4l2_buffer *buffer);
int side_query(struct node *node, struct side *side, struct v4l2_buffer *buffer);
void side_finish(struct side *side, unsigned int index);
unsigned int fifo_take(struct fifo *fifo);

void *worker_run(void *node);
void worker_drop_codec(struct node *node);
