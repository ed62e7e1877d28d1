/* Plain RTP receivers: each asks to PLAY at its time, then drains its socket and counts the packets.
 *
 * Standard input, first one line a viewer: RTSP_FD RTP_FD AT_US PLAY_HEX, where RTP_FD is -1 for interleaved
 * data (RFC 2326 section 10.12) and RTSP_FD is -1, or PLAY_HEX is -, where nothing is to be asked; then `go`.
 * After that single letters: c prints the counters, j prints a line with each viewer's microseconds from PLAY
 * sent to the last packet of its first whole IDR picture (-1: none yet), g prints a line with the longest time in
 * microseconds in which each viewer got nothing since the g before. The end of input ends the program. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_VIEWERS = 1024,
    DATAGRAMS = 64,
    DATAGRAM_BYTES = 2048,
    CARRY_BYTES = 4 + 65535,
    READ_BYTES = 1 << 20,
    COMMANDS = UINT32_MAX,
};

struct viewer {
    int rtsp_fd, rtp_fd;
    int64_t at_us, played_us, joined_us, heard_us, gap_us;
    uint8_t *play;
    size_t play_bytes;
    bool answered, closed, heard, in_idr;
    uint16_t sequence;
    uint8_t *carry;
    size_t carry_bytes;
};

static struct viewer viewers[MAX_VIEWERS];
static int viewer_count;
static int epoll;
static int next_to_ask;
static uint64_t packets, lost, bytes;

static void fail(const char *what) {
    fprintf(stderr, "receivers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Whether this payload opens an IDR picture: its first slice has first_mb_in_slice 0, one bit set (RFC 6184 5.4-5.8). */
static bool opens_idr(const uint8_t *payload, size_t length) {
    if (length < 3) return false;
    int type = payload[0] & 0x1f;
    if (type == 5) return payload[1] & 0x80;
    if (type == 28) return (payload[1] & 0x9f) == 0x85 && (payload[2] & 0x80);
    return false;
}

/* The time since the newest packet, or since it was last asked for, is a gap like any other. */
static void note_gap(struct viewer *viewer) {
    int64_t now = now_us();
    if (viewer->heard && now - viewer->heard_us > viewer->gap_us) viewer->gap_us = now - viewer->heard_us;
    viewer->heard_us = now;
}

static void take_rtp(struct viewer *viewer, const uint8_t *packet, size_t length) {
    if (length < 13) return;
    uint16_t sequence = (uint16_t)(packet[2] << 8 | packet[3]);
    uint16_t step = (uint16_t)(sequence - viewer->sequence);
    bool gap = viewer->heard && step != 1;
    if (gap && step > 1 && step < 0x8000) lost += step - 1u;
    note_gap(viewer);
    viewer->heard = true;
    viewer->sequence = sequence;
    packets++;
    bytes += length;
    if (viewer->joined_us >= 0) return;
    if (gap) viewer->in_idr = false;
    if (opens_idr(packet + 12, length - 12)) viewer->in_idr = true;
    if (!(packet[1] & 0x80)) return;
    if (viewer->in_idr) viewer->joined_us = now_us() - viewer->played_us;
    viewer->in_idr = false;
}

/* The length of the RTSP message at `data`, 0 when it is not all there yet. The response to PLAY has no body, nor
 * has the TEARDOWN that a server may send when it ends. */
static size_t take_message(struct viewer *viewer, const uint8_t *data, size_t length) {
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!viewer->answered && memcmp(data, "RTSP/1.0 200", 12) != 0) {
        fprintf(stderr, "receivers: PLAY was answered %.*s\n", (int)(end - data), (const char *)data);
        exit(1);
    }
    viewer->answered = true;
    return (size_t)(end - data) + 4;
}

/* Takes every whole message and interleaved packet from `data`; gives how many bytes that were. */
static size_t take_stream(struct viewer *viewer, const uint8_t *data, size_t length) {
    size_t done = 0;
    while (length - done >= 4) {
        const uint8_t *at = data + done;
        size_t size;
        if (*at == '$') {
            size = 4 + (size_t)(at[2] << 8 | at[3]);
            if (size > length - done) break;
            if (at[1] == 0) take_rtp(viewer, at + 4, size - 4);
        } else {
            size = take_message(viewer, at, length - done);
            if (!size) break;
        }
        done += size;
    }
    return done;
}

static void read_connection(struct viewer *viewer) {
    static uint8_t buffer[CARRY_BYTES + READ_BYTES];
    memcpy(buffer, viewer->carry, viewer->carry_bytes);
    ssize_t got = recv(viewer->rtsp_fd, buffer + viewer->carry_bytes, READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        viewer->closed = true;
        /* Whoever started us holds it as well, so that closing it alone would leave it in the epoll set. */
        epoll_ctl(epoll, EPOLL_CTL_DEL, viewer->rtsp_fd, NULL);
        close(viewer->rtsp_fd);
        return;
    }
    size_t length = viewer->carry_bytes + (size_t)got;
    size_t done = take_stream(viewer, buffer, length);
    viewer->carry_bytes = length - done;
    if (viewer->carry_bytes > CARRY_BYTES) {
        fprintf(stderr, "receivers: a message on the connection has no end\n");
        exit(1);
    }
    memcpy(viewer->carry, buffer + done, viewer->carry_bytes);
}

static void read_datagrams(struct viewer *viewer) {
    static uint8_t buffers[DATAGRAMS][DATAGRAM_BYTES];
    static struct iovec parts[DATAGRAMS];
    static struct mmsghdr messages[DATAGRAMS];
    for (int i = 0; i < DATAGRAMS; i++) {
        parts[i] = (struct iovec){buffers[i], DATAGRAM_BYTES};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int got;
    do {
        got = recvmmsg(viewer->rtp_fd, messages, DATAGRAMS, MSG_DONTWAIT, NULL);
        for (int i = 0; i < got; i++) take_rtp(viewer, buffers[i], messages[i].msg_len);
    } while (got == DATAGRAMS);
}

static void ask(struct viewer *viewer) {
    viewer->played_us = now_us();
    if (!viewer->play_bytes) return;
    ssize_t sent = send(viewer->rtsp_fd, viewer->play, viewer->play_bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)viewer->play_bytes) fail("PLAY cannot be sent");
}

/* Asks for all that is due; gives the milliseconds until the next is, -1 when none is left. */
static int ask_due(int64_t start_us) {
    for (; next_to_ask < viewer_count; next_to_ask++) {
        int64_t wait_us = start_us + viewers[next_to_ask].at_us - now_us();
        if (wait_us > 0) return (int)(wait_us / 1000 + 1);
        ask(&viewers[next_to_ask]);
    }
    return -1;
}

static void print_counters(void) {
    int playing = 0, closed = 0;
    for (int i = 0; i < viewer_count; i++) {
        playing += viewers[i].heard;
        closed += viewers[i].closed;
    }
    printf("%llu %llu %llu %d %d\n", (unsigned long long)packets, (unsigned long long)lost,
           (unsigned long long)bytes, playing, closed);
}

static void print_joins(void) {
    for (int i = 0; i < viewer_count; i++) printf("%lld ", (long long)viewers[i].joined_us);
    printf("\n");
}

static void print_gaps(void) {
    for (int i = 0; i < viewer_count; i++) {
        note_gap(&viewers[i]);
        printf("%lld ", (long long)viewers[i].gap_us);
        viewers[i].gap_us = 0;
    }
    printf("\n");
}

static void obey(void) {
    char letters[64];
    ssize_t got = read(STDIN_FILENO, letters, sizeof letters);
    if (got <= 0) exit(0);
    for (ssize_t i = 0; i < got; i++) {
        if (letters[i] == 'c') print_counters();
        if (letters[i] == 'j') print_joins();
        if (letters[i] == 'g') print_gaps();
    }
    fflush(stdout);
}

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (!memory) fail("no memory");
    return memory;
}

static void unhex(struct viewer *viewer, const char *hex) {
    viewer->play_bytes = strlen(hex) / 2;
    viewer->play = allocate(viewer->play_bytes + 1);
    for (size_t i = 0; i < viewer->play_bytes; i++) sscanf(hex + 2 * i, "%2hhx", &viewer->play[i]);
}

/* Reads byte by byte up to the line's end, so that no command behind it is swallowed. */
static void read_line(char *line, size_t size) {
    size_t length = 0;
    while (length + 1 < size && read(STDIN_FILENO, line + length, 1) == 1 && line[length] != '\n') length++;
    line[length] = 0;
}

static void read_viewers(void) {
    char line[8192], hex[8000];
    for (;;) {
        read_line(line, sizeof line);
        if (strcmp(line, "go") == 0) return;
        if (viewer_count == MAX_VIEWERS) fail("too many viewers");
        struct viewer *viewer = &viewers[viewer_count++];
        long long at_us;
        if (sscanf(line, "%d %d %lld %7999s", &viewer->rtsp_fd, &viewer->rtp_fd, &at_us, hex) != 4)
            fail("a viewer's line cannot be read");
        viewer->at_us = at_us;
        viewer->joined_us = -1;
        viewer->carry = allocate(CARRY_BYTES);
        if (hex[0] != '-') unhex(viewer, hex);
    }
}

static void watch(int fd, uint32_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
    if (fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

static void take_event(uint32_t tag) {
    if (tag == COMMANDS) {
        obey();
    } else if (tag & 1) {
        read_datagrams(&viewers[tag >> 1]);
    } else {
        read_connection(&viewers[tag >> 1]);
    }
}

int main(void) {
    struct epoll_event events[MAX_VIEWERS];
    epoll = epoll_create1(0);
    if (epoll < 0) fail("epoll_create1");
    read_viewers();
    for (uint32_t i = 0; i < (uint32_t)viewer_count; i++) {
        watch(viewers[i].rtsp_fd, i << 1);
        watch(viewers[i].rtp_fd, i << 1 | 1);
    }
    watch(STDIN_FILENO, COMMANDS);
    int64_t start_us = now_us();
    for (;;) {
        int ready = epoll_wait(epoll, events, MAX_VIEWERS, ask_due(start_us));
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < ready; i++) take_event(events[i].data.u32);
    }
}
