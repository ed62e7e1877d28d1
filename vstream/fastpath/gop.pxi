# The trains since the newest keyframe, for viewers that join.

cdef struct gop_t:
    train_t **trains
    uint32_t count
    uint32_t room
    uint64_t bytes
    int64_t begun_us


cdef void gop_clear(gop_t *gop) noexcept nogil:
    cdef uint32_t i
    for i in range(gop.count):
        train_release(gop.trains[i])
    gop.count = 0
    gop.bytes = 0


cdef void gop_add(gop_t *gop, train_t *train, uint64_t limit_bytes) noexcept nogil:
    cdef train_t **grown
    if train.keyframe:
        gop_clear(gop)
        gop.begun_us = vs_now_us()
    elif gop.count == 0:
        return
    if gop.count == gop.room:
        grown = <train_t **>realloc(gop.trains, (gop.room * 2 + 32) * sizeof(train_t *))
        if grown == NULL:
            gop_clear(gop)
            return
        gop.trains = grown
        gop.room = gop.room * 2 + 32
    vs_retain(&train.refs)
    gop.trains[gop.count] = train
    gop.count += 1
    gop.bytes += train.plain_bytes
    if gop.bytes > limit_bytes:
        gop_clear(gop)
