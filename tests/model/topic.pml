/* Publishing to the subscribers of a topic: core/topic and publish. It shows: all subscribers get all messages in one
 * order, a new one begins with the latest, nobody puts into a buffer that was freed, and the list has nothing that was
 * freed; a message that comes while the topic is finished reaches all subscribers or none, and whoever subscribes while
 * it is closed (or aborted) is either refused or closed, too; and where publishers wait for room in a subscriber that is
 * full, it gets the messages in that order, too, and who is owed a wake-up, or a call of its notifier, by one of the
 * subscribers does not wait until another one has room. How a put works is in queue.pml; how references go is in
 * listener.pml.
 * sources: life.c life.h publish_one.c topic.c
 *
 * BROKEN 1 in scene 1: who publishes does not wait for its turn
 * BROKEN 2 in scene 2: who publishes takes a reference of a buffer that has none any more
 * BROKEN 3 in scene 2: a buffer is freed before it is unlinked
 * BROKEN 4 in scene 3: who subscribes gets the latest message before it has its turn
 * BROKEN 5 in scene 4: who finishes the topic does not wait for its turn
 * BROKEN 7 in scene 6: who has to wait for room gets in line when its turn has ended
 * BROKEN 8 in scene 7: who waits for room in one subscriber wakes only after that for another one, which has room by then
 * BROKEN 9 in scene 8: who puts into the only subscriber does so after it has given back the lock of the list
 * BROKEN 10 in scene 9: the only subscriber is freed before it is unlinked
 * BROKEN 11 in scene 10: who puts into the only subscriber does not look whether somebody has the turn
 * BROKEN 6 in scene 5: who subscribes asks for the state of the topic before it joins, and not as it joins
 */
#if SCENE == 1 /* two publish to two subscribers */
#define LINKED 2
#define RUN run publisher(1); run publisher(2)
#elif SCENE == 2 /* the last reference of one goes meanwhile */
#define LINKED 2
#define RUN run publisher(1); run publisher(2); run releaser(0)
#elif SCENE == 3 /* one subscribes meanwhile */
#define LINKED 1
#define RUN run publisher(1); run publisher(2); run subscriber(1)
#elif SCENE == 4 /* it is finished meanwhile */
#define LINKED 2
#define RUN run publisher(1); run publisher(2); run ender(true)
#elif SCENE == 5 /* one subscribes while it is closed */
#define LINKED 1
#define RUN run publisher(1); run subscriber(1); run ender(false)
#elif SCENE == 6 /* two wait for room in the first one, from which somebody takes */
#define LINKED 2
#define RUN run publisher(1); run publisher(2); run taker()
#elif SCENE == 7 /* both are full; who receives from the second one makes room there, and then takes from the first */
#define LINKED 2
#define RUN run publisher(1); run receiver()
#elif SCENE == 8 /* one subscribes to a topic that keeps no message; while there is only one, it needs no turn */
#define LINKED 1
#define RUN run publisher(1); run publisher(2); run subscriber(1)
#elif SCENE == 9 /* the last reference of the only one goes meanwhile */
#define LINKED 1
#define RUN run publisher(1); run publisher(2); run releaser(0)
#elif SCENE == 10 /* one gets a message before the other, leaves, and answers: the question comes before the answer */
#define LINKED 2
#define RUN run publisher(1); run answerer()
#endif

#define BUFFERS 2
#define NONE 255

bit turn, list_lock;
byte refs[BUFFERS], latest, published;
bool linked[BUFFERS], freed[BUFFERS], ended[BUFFERS], over; /* over: the topic is finished, or closed */

typedef log { byte count, at[3], begins };
log got[BUFFERS];
byte order[3]; /* of all messages */

inline LOCK(word) { d_step { word == 0 -> word = 1 } }

#define THERE (got[0].count + 1) /* ever, in the first buffer in scene 6: it has room for one, and has it already */
byte taken;                /* of these */
byte line[3], first, last; /* those who wait for room there */
bool waits[3];

/* What is decided under both locks of the buffer: it has room, or who puts gets in line. */
inline PUT_BOUNDED(m) {
    d_step {
        if
        :: THERE == taken && first == last -> got[0].at[got[0].count] = m; got[0].count++
        :: else -> waits[m] = true
#if BROKEN != 7
            ; line[last] = m; last++
#endif
        fi
    }
}

/* Whoever takes puts in who is first in line. */
proctype taker() {
    do
    :: taken == 3 -> break
    :: d_step { THERE > taken ->
            taken++;
            if
            :: first != last ->
                got[0].at[got[0].count] = line[first];
                got[0].count++;
                waits[line[first]] = false;
                first++
            :: else
            fi
        }
    od
}

/* Scene 7: the second one has room for one, too, and has it. */
bool has_room, late, in_line, sleeps, owed, woken;

/* Under its locks: at first, and again where it was full. */
inline PUT_SECOND(m) {
    d_step {
        if
        :: has_room -> got[1].at[got[1].count] = m; got[1].count++; has_room = false; owed = sleeps; late = false
        :: !has_room && late -> in_line = true
        :: !has_room && !late -> late = true
        fi
    }
}

inline WAKE_SECOND() { d_step { if :: owed -> woken = true; owed = false :: else fi } }

/* Takes what is there, and puts in who is in line; sleeps until there is another one; and then makes room in the first
 * one, for which the publisher may be waiting. */
proctype receiver() {
    d_step {
        if
        :: in_line -> got[1].at[0] = 1; got[1].count = 1; in_line = false
        :: else -> has_room = true
        fi
    }
    d_step { sleeps = got[1].count == 0 }
    if
    :: sleeps -> woken
    :: else
    fi;
    assert(got[1].count == 1);
    d_step {
        taken++;
        if
        :: first != last ->
            got[0].at[got[0].count] = line[first];
            got[0].count++;
            waits[line[first]] = false;
            first++
        :: else
        fi
    }
}

inline PUT(b, m) {
    d_step {
        assert(!freed[b] && refs[b] > 0);
        if
        :: !ended[b] ->
            got[b].at[got[b].count] = m;
            got[b].count++
        :: else
        fi
    }
}

inline RELEASE(b) {
    if
    :: atomic { refs[b] > 1 -> refs[b]-- }
    :: atomic { refs[b] == 1 -> refs[b] = 0 }
#if BROKEN == 3 || BROKEN == 10
        freed[b] = true;
        LOCK(list_lock);
        linked[b] = false;
        list_lock = 0
#else
        LOCK(list_lock);
        linked[b] = false;                /* step: leave_topic */
        list_lock = 0;
        freed[b] = true
#endif
    fi
}

#define ONLY_ONE (linked[0] && !linked[1])

/* Under the lock of the list: the one that is linked is not freed, and nobody comes. It may have lost its last reference
 * by now. */
inline PUT_INTO_ONLY_ONE(m) {
    d_step {
        assert(linked[0] && !freed[0]);
        got[0].at[got[0].count] = m;
        got[0].count++;
        order[published] = m;
        published++
    }
}

proctype publisher(byte m) {
    byte b;
    bool has[BUFFERS];
#if SCENE >= 8
    LOCK(list_lock);                             /* step: lock_the_list */
    if
#if BROKEN == 11
    :: ONLY_ONE && !over && refs[0] > 0 ->
#else
    :: ONLY_ONE && turn == 0 && !over && refs[0] > 0 -> /* step: nobody_has_the_turn */
#endif
#if BROKEN == 9
        list_lock = 0;
#endif
        PUT_INTO_ONLY_ONE(m);
#if BROKEN != 9
        list_lock = 0;
#endif
        goto refused
    :: else -> list_lock = 0
    fi;
#endif
#if BROKEN != 1
    LOCK(turn);
#endif
    if
    :: over -> turn = 0; goto refused
    :: else
    fi;
    LOCK(list_lock);
    b = 0;
    do
    :: b == BUFFERS -> break
    :: else ->
        if
        :: linked[b] ->
            assert(!freed[b]);
#if BROKEN == 2
            refs[b]++;
            has[b] = true
#else
            if
            :: atomic { refs[b] > 0 -> refs[b]++; has[b] = true } /* step: retain_alive */
            :: refs[b] == 0
            fi
#endif
        :: else
        fi;
        b++
    od;
    list_lock = 0;
    b = 0;
#if SCENE == 10
    /* the first one is busy at first; the other one is not needed any more when it has the message */
    if
    :: has[1] ->
        PUT(1, m);
        if
        :: atomic { refs[1] > 1 -> refs[1]--; has[1] = false }
        :: refs[1] == 1
        fi
    :: else
    fi;
#endif
    do
    :: b == BUFFERS -> break
    :: else ->
        if
#if SCENE == 10
        :: has[b] && b == 0 -> PUT(b, m)
#else
#if SCENE == 6
        :: has[b] && b == 0 -> PUT_BOUNDED(m)
        :: has[b] && b != 0 -> PUT(b, m)
#elif SCENE == 7
        :: has[b] && b == 0 -> PUT_BOUNDED(m)
        :: has[b] && b != 0 ->
            PUT_SECOND(m);
            if
            :: late -> PUT_SECOND(m)
            :: else
            fi;
#if BROKEN != 8
            WAKE_SECOND()
#endif
#else
#if SCENE >= 8
        :: has[b] && b == 0 && !has[1] -> d_step { PUT(b, m); order[published] = m; published++ }
        :: has[b] && (b == 1 || has[1]) -> PUT(b, m)
#else
        :: has[b] -> PUT(b, m)
#endif
#endif
#endif
        :: else
        fi;
        b++
    od;
    b = 0;
#if SCENE >= 8 /* nothing is kept; and where there is one subscriber, the order is that of its puts */
    d_step {
        if
        :: has[1] || !has[0] || SCENE == 10 -> order[published] = m; published++
        :: else
        fi
    }
#else
    d_step { latest = m; order[published] = m; published++ }
#endif
#if BROKEN != 1
    turn = 0;
#endif
#if SCENE >= 6
#if BROKEN == 7
    d_step { /* there may be room by now */
        if
        :: !waits[m]
        :: waits[m] && THERE == taken && first == last ->
            got[0].at[got[0].count] = m; got[0].count++; waits[m] = false
        :: else -> line[last] = m; last++
        fi
    }
#endif
    !waits[m];
#if BROKEN == 8
    WAKE_SECOND();
#endif
#endif
    do
    :: b == BUFFERS -> break
    :: else ->
        if
        :: has[b] -> RELEASE(b)
        :: else
        fi;
        b++
    od;
refused:
    skip
}

/* Finishes (in a turn) or closes. The walk over the list takes one reference after the other; nobody releases one in
 * these scenes. */
proctype ender(bool finishes) {
    byte b;
#if BROKEN == 5
    finishes = false;
#endif
    if
    :: finishes -> LOCK(turn)
    :: else
    fi;
    LOCK(list_lock);
    over = true;
    list_lock = 0;
    if
    :: finishes -> turn = 0
    :: else
    fi;
    do
    :: b == BUFFERS -> break
    :: else ->
        LOCK(list_lock);
        if
        :: linked[b] -> ended[b] = true
        :: else
        fi;
        list_lock = 0;
        b++
    od
}

proctype releaser(byte b) { RELEASE(b) }

/* The second subscriber. */
proctype answerer() {
    got[1].count == 1;
    RELEASE(1);
    run publisher(2)
}

proctype subscriber(byte b) {
    byte m;
#if BROKEN == 4
    m = latest;
    LOCK(turn);
#else
    LOCK(turn);
    m = latest;
#endif
#if BROKEN == 6
    bool open = !over;
#else
#define open (!over)
#endif
    if
    :: m != 0 -> PUT(b, m)
    :: else
    fi;
#if SCENE != 8
    d_step { got[b].begins = (published > 0 -> published - 1 : 0) }
#endif
    LOCK(list_lock);
    if
#if SCENE == 8
    :: open -> d_step { linked[b] = true; got[b].begins = published }
#else
    :: open -> linked[b] = true           /* step: join_topic */
#endif
    :: else -> d_step { refs[b] = 0; freed[b] = true }
    fi;
    list_lock = 0;
    turn = 0
}

init {
    byte b, i;
    d_step {
        for (b : 0 .. BUFFERS - 1) { refs[b] = 1; linked[b] = b < LINKED }
#if SCENE == 9 /* there is no other */
        refs[1] = 0;
        freed[1] = true
#endif
    }
    atomic { RUN }
    (_nr_pr == 1);
#if SCENE == 10
    assert(got[0].count == 2 && got[0].at[0] == 1);
#endif
    d_step {
        for (b : 0 .. BUFFERS - 1) {
            if
            :: !freed[b] && refs[b] == 1 ->
                /* it has all from where it began, in their order; what is closed has what came before */
#if SCENE != 5
                assert(got[b].count == published - got[b].begins);
#endif
                for (i : 0 .. 1) {
                    if
                    :: i < got[b].count -> assert(got[b].at[i] == order[got[b].begins + i])
                    :: else
                    fi
                }
            :: else -> assert(!linked[b])
            fi;
            assert(!linked[b] || ended[b] == over)
        }
    }
}
