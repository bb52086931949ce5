/* Waiting for room: core/room, with the takes of core/buffer_take, and what else makes room. It shows: when all is done
 * nobody waits who could have put its message in, nobody was overtaken, and every sender has been told. Messages have
 * sizes; the rings are modelled in queue.pml, and waking of receivers in waiting.pml.
 * sources: buffer_take.c room.c
 *
 * BROKEN 1 in scene 2: who gives up serves nobody
 * BROKEN 2 in scene 1: a sender enters the line with the tail lock alone
 * BROKEN 3 in scene 1: it rouses, and then tells
 * BROKEN 4 in scene 3: the end is told to nobody
 * BROKEN 5 in scene 2: an attempt does not ask who is in line
 * BROKEN 6 in scene 3: who clears serves nobody
 * BROKEN 7 in scene 4: a sender is roused for room, and puts its message in by itself
 * BROKEN 8 in scene 1: a take does not ask again whether it needs both locks
 * BROKEN 9 in scene 1: who gives up does not ask whether it has been told
 */
#if SCENE == 1 /* room for one; one of two senders has a deadline */
#define SENDERS 2
#define LIMIT 1
#define RUN timed[1] = true; need[0] = 1; need[1] = 1; run sender(0, 2); run sender(1, 1); run taker(2); run taker(1)
#elif SCENE == 2 /* a large message stands in the way of small ones, until its time is up */
#define SENDERS 3
#define LIMIT 2
#define RUN timed[0] = true; need[0] = 2; need[1] = 1; need[2] = 1; \
    run sender(0, 1); run sender(1, 2); run sender(2, 1); run taker(1)
#elif SCENE == 3 /* somebody clears, or it is the end */
#define SENDERS 2
#define LIMIT 1
#define RUN timed[1] = true; need[0] = 1; need[1] = 1; run sender(0, 2); run sender(1, 1); run taker(1); run changer()
#elif SCENE == 4 /* one of all threads stops for ever, anywhere */
#define SENDERS 2
#define LIMIT 1
#define LAST 5
#define RUN need[0] = 1; need[1] = 1; run sender(0, 2); run sender(1, 2); run taker(2); run taker(2); run fate()
#elif SCENE == 5 /* large: three senders, two takers, and who clears or ends it */
#define SENDERS 3
#define LIMIT 2
#define RUN timed[0] = true; need[0] = 2; need[1] = 1; need[2] = 1; \
    run sender(0, 2); run sender(1, 2); run sender(2, 1); run taker(2); run taker(1); run changer()
#endif
#ifndef LAST
#define LAST 0
#endif

byte frozen = 255; /* the process that the scheduler has suspended for ever */
#define ALIVE provided (frozen != _pid)

bit tail_lock, head_lock;
bool wanted;                    /* ROOM in `head.unusual`, written under both locks */
bool ended;
chan queue = [4] of { byte };   /* the sizes of the messages */
chan line = [SENDERS] of { byte };
byte used;
byte need[SENDERS];
bool told[SENDERS], parked[SENDERS], timed[SENDERS];
bool in[SENDERS];               /* its message has been put in */

#define FITS(s) (used + need[s] <= LIMIT)

inline PUT_IN(s) {
    queue!need[s];
    used = used + need[s];
    in[s] = true
}

/* Both at once: what comes between the two changes nothing. */
inline LOCK_BOTH() { d_step { !tail_lock && !head_lock -> tail_lock = 1; head_lock = 1 } }
inline UNLOCK_BOTH() { d_step { tail_lock = 0; head_lock = 0 } }

/* mtm_room_serve, with both locks */
inline SERVE() {
    do
    :: len(line) == 0 -> break
    :: else ->
        d_step { line?<s> }
        if
#if BROKEN == 7
        :: !ended && FITS(s) -> parked[s] = false; break
        :: ended ->
#else
        :: ended || FITS(s) ->
#endif
            d_step {
                line?s;
                if
                :: !ended -> PUT_IN(s)
                :: else
                fi;
                if
                :: len(line) == 0 -> wanted = false /* step: leave_the_line */
                :: else
                fi
            }
#if BROKEN == 3
            parked[s] = false;
            told[s] = true
#else
            told[s] = true;               /* step: tell */
            parked[s] = false             /* step: rouse_for_room */
#endif
        :: else -> break
        fi
    od;
    s = 0
}

inline GIVE_UP() {
    LOCK_BOTH();
    if
#if BROKEN != 9
    :: told[me]
#endif
    :: else ->
        d_step {
            line??eval(me);
            if
            :: len(line) == 0 -> wanted = false /* step: leave_the_line */
            :: else
            fi
        }
#if BROKEN != 1
        SERVE()
#endif
    fi;
    UNLOCK_BOTH()
}

inline WAIT_IN_LINE() {
#if BROKEN == 2
    d_step { !tail_lock -> tail_lock = 1 }
#else
    LOCK_BOTH();
#endif
    if
    :: ended || len(line) == 0 && FITS(me) ->
        d_step {
            if
            :: !ended -> PUT_IN(me)
            :: else
            fi
        }
        UNLOCK_BOTH()
    :: else ->
        d_step { told[me] = false; line!me } /* step: enter_the_line */
        wanted = true;                    /* step: room_is_wanted */
#if BROKEN == 2
        tail_lock = 0;
#else
        UNLOCK_BOTH();
#endif
        do
        :: told[me] -> break              /* step: been_told */
        :: else ->
            d_step { parked[me] = !told[me] } /* step: park_for_room */
end_parked:
            if
            :: !parked[me]
#if BROKEN == 7
                LOCK_BOTH();
                if
                :: d_step { !told[me] && line?[me] && FITS(me) -> line??eval(me); PUT_IN(me); told[me] = true }
                    wanted = len(line) > 0;
                    SERVE()
                :: else
                fi;
                UNLOCK_BOTH()
#endif
            :: d_step { parked[me] && timed[me] -> parked[me] = false }
                GIVE_UP();
                break
            fi
        od
    fi
}

proctype sender(byte me; byte puts) ALIVE {
    byte s;
    bool refused;
    do
    :: puts == 0 || ended -> break
    :: else ->
        puts--;
        in[me] = false;
        d_step {
            !tail_lock ->
            refused = true;
            if
            :: ended -> refused = false
#if BROKEN == 5
            :: !ended && FITS(me) -> assert(len(line) == 0); PUT_IN(me); refused = false
#endif
            :: !ended && len(line) == 0 && FITS(me) -> PUT_IN(me); refused = false
            :: else
            fi
        }
        if
        :: refused -> refused = false; WAIT_IN_LINE()
        :: !refused
        fi;
        assert(in[me] || ended || timed[me])
    od
}

/* One that takes a message if there is any, as often as there are messages to come. */
proctype taker(byte takes) ALIVE {
    byte s;
    bool both;
end_empty:
    do
    :: takes == 0 -> break
    :: takes > 0 && (len(queue) > 0 || ended) ->
        both = wanted;                    /* step: needs_both */
        if
        :: both -> d_step { !tail_lock -> tail_lock = 1 }
        :: !both
        fi;
        d_step { !head_lock -> head_lock = 1 }
        if
#if BROKEN != 8
        :: wanted != both                 /* step: still_needs_both */
#endif
        :: else ->
            takes--;
            if
            :: d_step { len(queue) > 0 -> queue?s; used = used - s; s = 0 } /* step: pop */
#if BROKEN == 8
                if
                :: both -> SERVE()
                :: else
                fi
#else
                SERVE()
#endif
            :: len(queue) == 0
            fi
        fi;
        d_step {
            head_lock = 0;
            if
            :: both -> tail_lock = 0
            :: !both
            fi;
            both = false
        }
    od
}

proctype changer() {
    byte s;
    LOCK_BOTH();
    if
    :: d_step {
            do
            :: len(queue) > 0 -> queue?s; used = used - s
            :: else -> break
            od;
            s = 0                         /* step: clear */
        }
#if BROKEN != 6
        SERVE()
#endif
    :: ended = true;                      /* step: change_flags */
#if BROKEN != 4
        SERVE()
#endif
    fi;
    UNLOCK_BOTH()
}

/* A thread may stop for ever between any two of its steps, unless it holds a lock. */
proctype fate() {
    if
#if LAST
    :: atomic { !tail_lock && !head_lock -> select (frozen : 2 .. LAST) }
#endif
    :: true
    fi
}

inline NOBODY_WAITS_IN_VAIN() {
    assert(!tail_lock && !head_lock);
    assert(wanted == (len(line) > 0));
    if
    :: len(line) > 0 ->
        line?<s>;
        assert(!ended && !FITS(s));
        s = 0
    :: else
    fi;
    for (s : 0 .. SENDERS - 1) { assert(!parked[s] || !told[s] && !ended) }
}

/* When nothing moves any more: who is first in line, whether it runs or not, finds no room; and nobody sleeps who has
 * been told. If a thread has stopped for ever, this is true already then, and again when it goes on at last. */
active proctype monitor() {
    byte s;
    timeout ->
    NOBODY_WAITS_IN_VAIN();
    if
    :: frozen != 255 -> frozen = 255; timeout; NOBODY_WAITS_IN_VAIN()
    :: else
    fi
}

init {
    atomic { RUN }
}
