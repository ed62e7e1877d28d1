/* The floor: nothing but the system calls that carry packets which were cut beforehand.
 *
 * floor udp PACKET_BYTES FPS SIZES_FILE PORT..    sendmmsg of UDP_SEGMENT trains, one socket for all receivers
 * floor tcp PACKET_BYTES FPS SIZES_FILE FD..      one send() of a whole interleaved frame a connection
 *
 * SIZES_FILE holds the bytes of each frame, one number a line; the frames are sent in a loop at FPS. SIGTERM ends
 * it, and it prints how long the frames took from their time to their last packet written. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    MAX_FRAMES = 4096,
    MAX_RECEIVERS = 1024,
    MAX_MESSAGES = 1024,
    MAX_DATAGRAM_BYTES = 65507,
    MAX_TRAIN_PACKETS = 64,
    MAX_DELAYS = 1 << 16,
    RTP_HEADER_BYTES = 12,
    INTERLEAVED_HEADER_BYTES = 4,
};

struct frame {
    uint8_t *data;
    size_t bytes;
    int packets;
};

static bool tcp;
static size_t packet_bytes, prefix_bytes;
static struct frame frames[MAX_FRAMES];
static int frame_count;
static int receivers[MAX_RECEIVERS];
static int receiver_count;
static struct sockaddr_in addresses[MAX_RECEIVERS];
static int udp_fd;
static uint16_t next_sequence;
static uint32_t delays_us[MAX_DELAYS];
static int delay_count;
static volatile sig_atomic_t stopped;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Lays out one packet of `length` RTP bytes at `at`; gives where the next one begins. */
static uint8_t *cut_packet(uint8_t *at, size_t length, bool marker, uint32_t timestamp) {
    if (tcp) {
        uint8_t header[INTERLEAVED_HEADER_BYTES] = {'$', 0, (uint8_t)(length >> 8), (uint8_t)length};
        memcpy(at, header, sizeof header);
        at += sizeof header;
    }
    uint32_t time = htonl(timestamp), ssrc = htonl(0x666c6f6f);
    at[0] = 0x80;
    at[1] = (uint8_t)(96 | (marker ? 0x80 : 0));
    memcpy(at + 4, &time, 4);
    memcpy(at + 8, &ssrc, 4);
    memset(at + RTP_HEADER_BYTES, 0x41, length - RTP_HEADER_BYTES);
    return at + length;
}

static void cut_frame(struct frame *frame, size_t size, uint32_t timestamp) {
    size_t payload = packet_bytes - RTP_HEADER_BYTES;
    frame->packets = (int)((size + payload - 1) / payload);
    frame->bytes = size + (size_t)frame->packets * (RTP_HEADER_BYTES + prefix_bytes);
    frame->data = malloc(frame->bytes);
    if (!frame->data) fail("no memory");
    uint8_t *at = frame->data;
    for (size_t left = size; left > 0;) {
        size_t part = left < payload ? left : payload;
        left -= part;
        at = cut_packet(at, RTP_HEADER_BYTES + part, left == 0, timestamp);
    }
}

static void number_packets(struct frame *frame) {
    uint8_t *at = frame->data + prefix_bytes;
    for (int i = 0; i < frame->packets; i++, at += prefix_bytes + packet_bytes) {
        at[2] = (uint8_t)(next_sequence >> 8);
        at[3] = (uint8_t)next_sequence++;
    }
}

static void flush_messages(struct mmsghdr *messages, int count) {
    for (int sent = 0; sent < count;) {
        int done = sendmmsg(udp_fd, messages + sent, (unsigned)(count - sent), 0);
        if (done < 0 && errno != EINTR) fail("sendmmsg");
        if (done > 0) sent += done;
    }
}

static void send_udp(struct frame *frame) {
    static struct mmsghdr messages[MAX_MESSAGES];
    static struct iovec parts[MAX_MESSAGES];
    static union {
        char space[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control;
    struct cmsghdr segment = {CMSG_LEN(sizeof(uint16_t)), SOL_UDP, UDP_SEGMENT};
    uint16_t segment_bytes = (uint16_t)packet_bytes;
    memcpy(&control, &segment, sizeof segment);
    memcpy(CMSG_DATA(&control.align), &segment_bytes, sizeof segment_bytes);

    size_t train_packets = MAX_DATAGRAM_BYTES / packet_bytes;
    if (train_packets > MAX_TRAIN_PACKETS) train_packets = MAX_TRAIN_PACKETS;
    size_t train_bytes = train_packets * packet_bytes;
    int count = 0;
    for (int i = 0; i < receiver_count; i++) {
        for (size_t at = 0; at < frame->bytes; at += train_bytes) {
            size_t left = frame->bytes - at;
            parts[count] = (struct iovec){frame->data + at, left < train_bytes ? left : train_bytes};
            messages[count].msg_hdr = (struct msghdr){
                .msg_name = &addresses[i], .msg_namelen = sizeof addresses[i],
                .msg_iov = &parts[count], .msg_iovlen = 1,
                .msg_control = control.space, .msg_controllen = sizeof control.space,
            };
            if (++count < MAX_MESSAGES) continue;
            flush_messages(messages, count);
            count = 0;
        }
    }
    flush_messages(messages, count);
}

static void send_tcp(struct frame *frame) {
    for (int i = 0; i < receiver_count; i++) {
        for (size_t sent = 0; sent < frame->bytes;) {
            ssize_t done = send(receivers[i], frame->data + sent, frame->bytes - sent, MSG_NOSIGNAL);
            if (done < 0 && errno != EINTR) fail("send");
            if (done > 0) sent += (size_t)done;
        }
    }
}

static void read_frames(const char *path, int fps) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    size_t size;
    while (frame_count < MAX_FRAMES && fscanf(file, "%zu", &size) == 1) {
        cut_frame(&frames[frame_count], size, (uint32_t)(90000 * frame_count / fps));
        frame_count++;
    }
    fclose(file);
    if (!frame_count) fail("no frames");
}

static void read_receivers(char **arguments, int count) {
    for (int i = 0; i < count && i < MAX_RECEIVERS; i++) {
        receivers[i] = atoi(arguments[i]);
        addresses[i].sin_family = AF_INET;
        addresses[i].sin_port = htons((uint16_t)receivers[i]);
        addresses[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        receiver_count++;
    }
    udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (udp_fd < 0) fail("socket");
}

static void send_in_time(int fps) {
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (int i = 0; !stopped; i = (i + 1) % frame_count) {
        int64_t handed_us = now_us();
        number_packets(&frames[i]);
        if (tcp) {
            send_tcp(&frames[i]);
        } else {
            send_udp(&frames[i]);
        }
        if (delay_count < MAX_DELAYS) delays_us[delay_count++] = (uint32_t)(now_us() - handed_us);
        due.tv_nsec += 1000000000L / fps;
        if (due.tv_nsec >= 1000000000L) {
            due.tv_nsec -= 1000000000L;
            due.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: floor udp|tcp PACKET_BYTES FPS SIZES_FILE PORT_OR_FD..\n");
        return 2;
    }
    tcp = strcmp(argv[1], "tcp") == 0;
    prefix_bytes = tcp ? INTERLEAVED_HEADER_BYTES : 0;
    packet_bytes = (size_t)atoi(argv[2]);
    int fps = atoi(argv[3]);
    read_frames(argv[4], fps);
    read_receivers(argv + 5, argc - 5);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
    send_in_time(fps);
    qsort(delays_us, (size_t)delay_count, sizeof *delays_us, compare);
    printf("Frames written: %d, handed to written median %u us, p99 %u us, worst %u us\n", delay_count,
           delays_us[delay_count / 2], delays_us[delay_count * 99 / 100], delays_us[delay_count - 1]);
    return 0;
}
