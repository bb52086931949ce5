/* The messages of one buffer between its two locks: core/queue, core/queue_memory and core/fast_path. Rings have two
 * cells each, messages one or two; every cell is copied in a step of its own. It shows: no message is lost or doubled,
 * all keep their order, none is overwritten while it is read, no ring is used by two or after it was freed, and none is
 * forgotten; msgcnt is exact. Who waits and wakes is in waiting.pml.
 * sources: bound.c fast_path.h queue.c queue_memory.c queue_take.c record.h
 *
 * BROKEN 1 in scene 1: a take does not look for the next ring
 * BROKEN 2 in scene 1: a take looks for the next ring before it looks for messages
 * BROKEN 3 in scene 1: a take makes room before it has copied the message out
 * BROKEN 4 in scene 1: a ring is linked before it is said where the last one ends
 * BROKEN 5 in scene 3: clear begins no new epoch
 * BROKEN 6 in scene 3: clear gives up the last ring, and leaves it in the chain
 * BROKEN 7 in scene 2: the fast path takes what is first now, without comparing it with what it has copied
 * BROKEN 8 in scene 1: a queue at rest gives up its ring without the producers' lock
 * BROKEN 9 in scene 4: the oldest message is dropped without the consumers' lock
 */
#if SCENE == 1 /* growth and wrapping; one receive fails after it has taken, one finds nothing and gives up a ring */
#define SIZED false
#define BACKS 1
#define RESTS 1
#define RUN run producer(1, 2); run producer(3, 1); run consumer(2, false)
#elif SCENE == 2 /* setmsg, messages that go back, and the fast path; the first ring is kept */
#define SIZED true
#define BACKS 1
#define RESTS 1
#define RUN run producer(1, 3); run consumer(2, true); run replacer(4)
#elif SCENE == 3 /* clear, close and count */
#define SIZED false
#define BACKS 1
#define RESTS 0
#define RUN run producer(1, 2); run consumer(2, false); run clearer(); run counter()
#elif SCENE == 4 /* a put for which the oldest message makes room, and one that was put back */
#define SIZED false
#define BACKS 1
#define RESTS 0
#define RUN run producer(1, 3); run consumer(2, true); run dropper(4)
#elif SCENE == 5 /* large: two producers and two consumers */
#define SIZED false
#define BACKS 1
#define RESTS 0
#define RUN run producer(1, 2); run producer(3, 1); run consumer(2, false); run consumer(1, true)
#elif SCENE == 6 /* large: clear, close and setmsg together */
#define SIZED true
#define BACKS 1
#define RESTS 0
#define RUN run producer(1, 3); run consumer(2, false); run consumer(1, true); run clearer(); run replacer(4)
#endif

#define NONE 255
#define SEGMENTS 5 /* the first one is the root, which has no bytes */
#define CELLS 2    /* of each other ring */
#define MESSAGES 5
#define SIZE(id) (id == 2 -> 2 : 1) /* in cells */
#define CAP(s) (s == 0 -> 0 : CELLS)
#define COUNT (added + returned - taken)

mtype = { FREE, SUPPLY, CHAIN, TRASH, SPARE }; /* who owns a ring */
mtype = { OUTSIDE, QUEUED, TAKEN, DROPPED };   /* where a message is */

typedef segment {
    mtype owner;
    byte next, end, cell[CELLS];
    bool keep;
};

segment g[SEGMENTS];
bit tail_lock, head_lock;
byte tail_segment, tail_pos, written, floor, added;
byte head_segment, head_pos, popped, seen, read, taken;
byte epoch, returned, spare = NONE;
bool closed;

#define NODE(id) (1 << (id))
byte back;            /* the set of messages that were put back; their order is that of seq */
byte back_seq[MESSAGES];

/* What the checks need to know. */
byte order[MESSAGES + 1]; /* by sequence number */
mtype where[MESSAGES];
byte backs = BACKS, rests = RESTS;

#define ALIVE(s) assert(g[s].owner == CHAIN)

inline LOCK(word) { d_step { word == 0 -> word = 1 } }
inline LOCK_BOTH() { LOCK(tail_lock); LOCK(head_lock) }
inline UNLOCK_BOTH() { head_lock = 0; tail_lock = 0 }

/* ---- rings that are kept for later ---- */

inline RETIRE(seg) {
    d_step { s = seg; g[s].next = NONE }
    do
    :: atomic {
            assert(g[s].owner == TRASH || g[s].owner == SUPPLY || g[s].owner == SPARE);
            g[s].owner = SPARE;
            old = spare;
            spare = s;                    /* step: retire */
            if
            :: old != NONE -> assert(g[old].owner == SPARE)
            :: else
            fi
        }
        if
        :: old == NONE -> break
        :: old != NONE && !g[old].keep -> g[old].owner = FREE; break
        :: else -> s = old
        fi
    od;
    atomic { s = 0; old = 0 }
}

inline EMPTY_TRASH() {
    do
    :: trash == until -> break
    :: else ->
        d_step { assert(g[trash].owner == TRASH); n = trash; trash = g[trash].next }
        RETIRE(n)
    od;
    atomic { trash = NONE; until = NONE; n = 0 }
}

/* From the spare place, or new; there may be no memory. */
inline FETCH(got) {
    d_step {
        got = spare;                      /* step: take_spare */
        spare = NONE;
        if
        :: got != NONE -> assert(g[got].owner == SPARE); g[got].owner = SUPPLY
        :: got == NONE && g[1].owner == FREE -> got = 1; g[1].owner = SUPPLY
        :: got == NONE && g[1].owner != FREE && g[2].owner == FREE -> got = 2; g[2].owner = SUPPLY
        :: got == NONE && g[1].owner != FREE && g[2].owner != FREE && g[3].owner == FREE ->
            got = 3; g[3].owner = SUPPLY
        :: got == NONE && g[1].owner != FREE && g[2].owner != FREE && g[3].owner != FREE && g[4].owner == FREE ->
            got = 4; g[4].owner = SUPPLY
        :: else
        fi;
        if
        :: got != NONE -> g[got].next = NONE; g[got].cell[0] = 0; g[got].cell[1] = 0
        :: else
        fi
    }
}

/* ---- the producers' side ---- */

inline HAS_ROOM(need) {
    room = written - floor + need <= CAP(tail_segment);
    if
    :: room
    :: else ->
        n = read;                         /* step: has_room */
        d_step {
            if
            :: n > floor -> floor = n
            :: else
            fi;
            room = written - floor + need <= CAP(tail_segment);
            n = 0
        }
    fi
}

inline LINK() {
    ALIVE(tail_segment);
#if BROKEN != 4
    g[tail_segment].end = written;        /* step: end_of_a_ring */
#endif
    d_step { g[supply].owner = CHAIN; g[tail_segment].next = supply } /* step: link */
#if BROKEN == 4
    g[tail_segment].end = written;
#endif
    d_step { tail_segment = supply; supply = NONE; tail_pos = 0; floor = written }
}

inline WRITE_CELL(id) {
    d_step {
        ALIVE(tail_segment);
        assert(tail_pos < CAP(tail_segment));
        g[tail_segment].cell[tail_pos] = id; /* step: write */
        tail_pos = (tail_pos + 1) % CELLS;
        written++
    }
}

inline APPEND(id) {
    WRITE_CELL(id);
    if
    :: SIZE(id) == 2 -> WRITE_CELL(id)
    :: else
    fi
}

inline PUBLISH(id) {
    d_step { order[added] = id; where[id] = QUEUED; added++ } /* step: publish */
}

/* Sets done: it is in, or there is no way. */
inline TRY_PUT(id) {
    LOCK(tail_lock);
    if
    :: closed -> done = true
    :: else ->
        HAS_ROOM(SIZE(id));
        if
        :: !room && supply == NONE
        :: else ->
            if
            :: !room -> LINK()
            :: else
            fi;
            APPEND(id);
            PUBLISH(id);
            done = true
        fi
    fi;
    room = false;
    tail_lock = 0
}

proctype producer(byte id, puts) {
    byte n, s, old, supply = NONE;
    bool room, done;
    do
    :: puts == 0 -> break
    :: else ->
        do
        :: TRY_PUT(id);
            if
            :: done -> break
            :: else -> FETCH(supply);
                if
                :: supply == NONE -> break
                :: else
                fi
            fi
        od;
        if
        :: supply != NONE -> g[supply].owner = TRASH; RETIRE(supply); supply = NONE
        :: else
        fi;
        d_step { done = false; puts--; id++ }
    od
}

/* ---- both sides ---- */

/* Both locks held; there is no message. */
inline GIVE_UP_LAST() {
    if
    :: tail_segment == 0 || g[tail_segment].keep
    :: else ->
        d_step {
            g[tail_segment].owner = TRASH;
            if
            :: trash == until -> trash = tail_segment
            :: else
            fi;
            until = NONE;                 /* step: give_up_last */
            g[0].next = NONE;
#if BROKEN != 6
            tail_segment = 0;
            head_segment = 0;
#endif
            tail_pos = 0;
            head_pos = 0;
            floor = written
        }
    fi
}

/* Nothing came: the last ring and the spare one are given up. */
inline REST() {
    rests--;
#if BROKEN != 8
    LOCK(tail_lock);
#endif
    LOCK(head_lock);
    if
    :: COUNT == 0 ->
        GIVE_UP_LAST()
    :: else
    fi;
    head_lock = 0;
#if BROKEN != 8
    tail_lock = 0;
#endif
    if
    :: atomic { trash != NONE -> g[trash].owner = FREE; trash = NONE; until = NONE }
    :: else
    fi;
    if
    :: atomic { spare != NONE && !g[spare].keep -> g[spare].owner = FREE; spare = NONE } /* step: drop_spare */
    :: else
    fi
}

/* Both locks held. */
inline DROP_ALL() {
    d_step {
        count = COUNT;
        if
        :: head_segment == 0 && tail_segment != 0 -> head_segment = g[0].next
        :: else
        fi;
        trash = head_segment;
        n = trash;
        until = tail_segment;
        do
        :: n == until -> break
        :: else -> ALIVE(n); g[n].owner = TRASH; n = g[n].next
        od;
        head_segment = tail_segment;
        back = 0;
        popped = added;
        seen = added;
        floor = written;
        tail_pos = 0;
        head_pos = 0;
        for (n : 0 .. MESSAGES - 1) {
            if
            :: where[n] == QUEUED || where[n] == TAKEN -> where[n] = DROPPED
            :: else
            fi
        }
        n = 0
    }
    read = written;                       /* step: drop_all */
#if BROKEN != 5
    epoch++                               /* step: epoch */
#endif
}

proctype clearer() {
    byte n, s, old, count, trash = NONE, until = NONE;
    bool close;
    if
    :: close = true
    :: true
    fi;
    LOCK_BOTH();
    DROP_ALL();
    taken = taken + count;                /* step: clear */
    if
    :: close -> d_step { closed = true; g[tail_segment].keep = false }
    :: else
    fi;
    GIVE_UP_LAST();
    UNLOCK_BOTH();
    EMPTY_TRASH();
    if
    :: atomic { close && spare != NONE -> g[spare].owner = FREE; spare = NONE } /* step: drop_spare */
    :: else
    fi
}

proctype replacer(byte id) {
    byte n, s, old, count, supply = NONE, trash = NONE, until = NONE;
    bool must_link;
    do
    :: LOCK_BOTH();
        must_link = CAP(tail_segment) < SIZE(id);
        if
        :: must_link && supply == NONE -> UNLOCK_BOTH(); FETCH(supply); if :: supply == NONE -> break :: else fi
        :: else ->
            DROP_ALL();
            if
            :: must_link -> LINK()
            :: else
            fi;
            APPEND(id);
            if
            :: count == 0 -> PUBLISH(id)
            :: else ->
                d_step { popped--; order[popped] = id; where[id] = QUEUED }
                taken = taken + (count - 1) /* step: replace */
            fi;
            UNLOCK_BOTH();
            break
        fi
    od;
    if
    :: supply != NONE -> g[supply].owner = TRASH; RETIRE(supply); supply = NONE
    :: else
    fi;
    EMPTY_TRASH()
}

/* ---- the consumers' side ---- */

inline IS_DRAINED() {
    if
    :: popped != seen
    :: else -> seen = added               /* step: is_drained */
    fi
}

/* Leaves rings that are read to their end. */
inline ADVANCE() {
    do
    :: ALIVE(head_segment);
        n = g[head_segment].next;         /* step: advance */
        if
        :: n == NONE || read != g[head_segment].end -> break
        :: else ->
            d_step {
                if
                :: head_segment != 0 ->
                    g[head_segment].next = trash;
                    g[head_segment].owner = TRASH;
                    trash = head_segment
                :: else
                fi;
                head_segment = n;
                head_pos = 0
            }
        fi
    od;
    n = 0
}

inline READ_CELL(got) {
    d_step {
        ALIVE(head_segment);
        assert(at < CAP(head_segment));
        got = g[head_segment].cell[at];  /* step: read */
        at = (at + 1) % CELLS
    }
}

/* Copies the record out; sets id, and at to the place after it. */
inline READ_RECORD() {
    at = head_pos;
    READ_CELL(id);
    assert(id != 0 && id < MESSAGES);
    if
    :: SIZE(id) == 2 -> READ_CELL(n); assert(n == id); n = 0
    :: else
    fi;
    assert(order[popped] == id && where[id] == QUEUED)
}

inline POP() {
    d_step { seq = popped; popped++; in_epoch = epoch; head_pos = at; at = 0; where[id] = TAKEN }
    read = read + SIZE(id);               /* step: pop_bytes */
    taken++                               /* step: pop */
}

/* The first of those that were put back. */
inline TAKE_BACK() {
    d_step {
        id = NONE;
        for (n : 1 .. MESSAGES - 1) {
            if
            :: (back & NODE(n)) && (id == NONE || back_seq[n] < back_seq[id]) -> id = n
            :: else
            fi
        }
        n = 0;
        back = back & ~NODE(id);
        seq = back_seq[id];
        in_epoch = epoch;
        assert(where[id] == QUEUED);
        where[id] = TAKEN
    }
    taken++                               /* step: take_back */
}

inline TAKE() {
    LOCK(head_lock);
    if
    :: closed
    :: !closed && back != 0 -> TAKE_BACK()
    :: !closed && back == 0 ->
#if BROKEN == 2
        n = g[head_segment].next;
        IS_DRAINED();
        if
        :: popped == seen -> n = 0
        :: else ->
            if
            :: n == NONE -> n = 0
            :: else -> ADVANCE()
            fi;
#else
        IS_DRAINED();
        if
        :: popped == seen
        :: else ->
#if BROKEN != 1
            ADVANCE();
#endif
#endif
#if BROKEN == 3
            read = read + SIZE(order[popped]);
            READ_RECORD();
            read = read - SIZE(id);
#else
            READ_RECORD();
#endif
            POP()
        fi
    fi;
    head_lock = 0;
    EMPTY_TRASH()
}

inline PUT_BACK() {
    LOCK(head_lock);
    d_step {
        backs--;
        if
        :: in_epoch != epoch -> assert(where[id] == DROPPED) /* step: outdated */
        :: else ->
            assert(where[id] == TAKEN);
            where[id] = QUEUED;
            back = back | NODE(id);
            back_seq[id] = seq;
            returned++                    /* step: put_back */
        fi;
        head_lock = 0
    }
}

/* Sets id if there was something straight ahead; it has not been taken yet. */
inline PEEK() {
    LOCK(head_lock);
    IS_DRAINED();
    n = g[head_segment].next;             /* step: advance */
    if
    :: popped != seen && !closed && back == 0 && (n == NONE || read != g[head_segment].end) ->
        n = 0;
        READ_RECORD();
        if
        :: at = 0; seq = popped; in_epoch = epoch
        :: POP(); peeked = true           /* one value is taken at once */
        fi
    :: else -> n = 0
    fi;
    head_lock = 0
}

/* A put to a queue that may hold no more: the oldest message is dropped, what was put back first. */
inline DROP_OLDEST() {
    if
    :: back != 0 -> TAKE_BACK(); where[id] = DROPPED
    :: back == 0 ->
        IS_DRAINED();
        if
        :: popped == seen
        :: else -> ADVANCE(); READ_RECORD(); POP(); where[id] = DROPPED
        fi
    fi;
    d_step { id = 0; seq = 0; in_epoch = 0 }
}

proctype dropper(byte new) {
    bool room, dropped;
    byte n, s, old, at, id, seq, in_epoch, supply = NONE, trash = NONE, until = NONE;
    do
    :: LOCK(tail_lock);
#if BROKEN != 9
        LOCK(head_lock);
#endif
        if
        :: !dropped -> DROP_OLDEST(); dropped = true
        :: else
        fi;
        HAS_ROOM(SIZE(new));
        if
        :: !room && supply == NONE
        :: else ->
            if
            :: !room -> LINK()
            :: else
            fi;
            APPEND(new);
            PUBLISH(new);
            room = true
        fi;
#if BROKEN != 9
        head_lock = 0;
#endif
        tail_lock = 0;
        if
        :: room -> break
        :: else -> FETCH(supply);
            if
            :: supply == NONE -> break
            :: else
            fi
        fi
    od;
    if
    :: supply != NONE -> g[supply].owner = TRASH; RETIRE(supply); supply = NONE
    :: else
    fi;
    EMPTY_TRASH()
}

/* Without reading again: what was copied is what the receiver gets. */
inline TAKE_PEEKED() {
    LOCK(head_lock);
    if
#if BROKEN == 7
    :: !closed ->
#else
    :: popped == seq && in_epoch == epoch && back == 0 && !closed -> /* step: still_first */
#endif
        assert(order[popped] == id && where[id] == QUEUED);
        at = (head_pos + SIZE(id)) % CELLS;
        POP()
    :: else -> id = 0
    fi;
    head_lock = 0
}

proctype consumer(byte looks; bool short_cut) {
    bool peeked;
    byte n, s, old, at, id, seq, in_epoch, trash = NONE, until = NONE;
    do
    :: looks == 0 -> break
    :: else ->
        looks--;
        if
        :: short_cut ->
            PEEK();
            if
            :: id != 0 && !peeked -> TAKE_PEEKED()
            :: else -> peeked = false
            fi
        :: TAKE()
        fi;
        if
        :: id != 0 && backs > 0 -> PUT_BACK()
        :: id == 0 && rests > 0 -> REST()
        :: true
        fi;
        d_step { id = 0; seq = 0; in_epoch = 0 }
    od
}

/* msgcnt: if both counters of the consumers' side are what they were, the sum was right when `added` was read. */
proctype counter() {
    byte t, r, a, exact;
    t = taken;                            /* step: count_taken */
    r = returned;                         /* step: count_returned */
    d_step { a = added; exact = COUNT }   /* step: count_added */
    assert(a + r >= t);
    if
    :: taken == t ->                      /* step: count_taken_again */
        if
        :: returned == r -> assert(a + r - t == exact) /* step: count_returned_again */
        :: else
        fi
    :: else
    fi
}

/* When nothing moves any more every ring has one owner, and every message its place. */
active proctype monitor() {
    byte n, chain, queued;
    timeout ->
    assert(!tail_lock && !head_lock);
    n = head_segment;
    do
    :: n == NONE -> break
    :: else -> ALIVE(n); chain++; n = g[n].next
    od;
    for (n : 1 .. SEGMENTS - 1) {
        if
        :: g[n].owner == CHAIN && n != head_segment -> chain--
        :: g[n].owner == CHAIN && n == head_segment -> chain--
        :: g[n].owner == SPARE -> assert(spare == n)
        :: else -> assert(g[n].owner == FREE)
        fi
    }
    assert(chain == (head_segment == 0 -> 1 : 0));
    for (n : 1 .. MESSAGES - 1) {
        if
        :: where[n] == QUEUED -> queued++
        :: else
        fi
    }
    assert(queued == COUNT)
}

init {
    atomic {
        byte n;
        for (n : 0 .. SEGMENTS - 1) { g[n].owner = FREE; g[n].next = NONE }
        for (n : 0 .. MESSAGES - 1) { where[n] = OUTSIDE }
        n = 0;
        g[0].owner = CHAIN;
        if
        :: SIZED -> g[1].owner = CHAIN; g[1].keep = true; tail_segment = 1; head_segment = 1
        :: else
        fi;
        RUN
    }
}
