/* A listener and its buffers: the ready queue and its flag, the lives of buffers and listener, and those who wait for
 * either; core/listener, with parts of core/object, core/receive and core/buffer around it. It shows: when all is done
 * nobody sleeps who could have a message or was to learn that there are no buffers, and every buffer with messages is
 * on the ready queue, once; nothing is used after it was freed, and what nobody has any more is freed. What a take from
 * one buffer does inside is in queue.pml.
 * sources: life.c life.h members.c queue.h ready.c reference.c source.h
 *
 * BROKEN 1 in scene 2: a look takes an empty buffer off without its tail lock
 * BROKEN 2 in scene 9: a put gives back the tail lock before it pushes the buffer
 * BROKEN 3 in scene 3: the last buffer leaves, and nobody is told
 * BROKEN 5 in scene 1: who adds wakes nobody
 * BROKEN 104 in scene 9: one wake-up stands for every message that comes meanwhile
 * BROKEN 8 in scene 10: a buffer that leaves the queue as it is empty leaves the stack of those knocked at, too
 * BROKEN 9 in scene 10: the claim of the one who knocked is given up after the bell was looked at
 * BROKEN 6 in scene 4: the last hold is given back without the lock
 * BROKEN 7 in scene 4: the last reference is given back without the registry lock
 */
#if SCENE == 1 /* two wait for the listener; a producer per buffer */
#define THREADS 2
#define WAIT_BUFFER false
#define BACKS 0
#define RUN OWNERS(2, 2, 2); run receiver(0, 1, false); run receiver(1, 1, false); run producer(0, 1); \
    run producer(1, 1)
#elif SCENE == 2 /* one waits for the listener, one for the buffer itself */
#define THREADS 2
#define WAIT_BUFFER true
#define BACKS 0
#define RUN OWNERS(1, 3, 0); run receiver(0, 1, false); run direct(1, 1); run producer(0, 2)
#elif SCENE == 3 /* receives that fail, and nonblocking ones; the buffer loses its last reference */
#define THREADS 2
#define WAIT_BUFFER false
#define BACKS 1
#define RUN timed[1] = true; OWNERS(2, 1, 0); run receiver(0, 1, false); run receiver(1, 1, true); \
    run producer(0, 1)
#elif SCENE == 4 /* clear, close and finding race with the last release */
#define THREADS 1
#define WAIT_BUFFER false
#define BACKS 0
#define RUN OWNERS(2, 1, 0); run receiver(0, 1, false); run producer(0, 1); run finder(); run walker()
#elif SCENE == 9 /* one of all threads stops for ever, anywhere; then two more messages come */
#define THREADS 2
#define WAIT_BUFFER false
#define BACKS 0
#define LAST 4
#define RUN OWNERS(2, 2, 0); run receiver(0, 2, false); run receiver(1, 2, false); run producer(0, 2); run fate()
#elif SCENE == 10 /* a bell that somebody keeps: two knock at it without its lock, another one puts */
#define THREADS 1
#define WAIT_BUFFER false
#define BACKS 0
#define RUN OWNERS(1, 4, 0); run receiver(0, 3, false); run producer(0, 1); run knocker(0, 1); run knocker(0, 1)
#elif SCENE == 5 /* large: as 1, with a deadline and last references */
#define THREADS 2
#define WAIT_BUFFER false
#define BACKS 0
#define RUN timed[1] = true; OWNERS(2, 1, 1); run receiver(0, 1, false); run receiver(1, 1, false); \
    run producer(0, 1); run producer(1, 1)
#elif SCENE == 6 /* large: as 3, with two buffers */
#define THREADS 2
#define WAIT_BUFFER false
#define BACKS 1
#define RUN timed[1] = true; OWNERS(2, 1, 1); run receiver(0, 1, false); run receiver(1, 1, true); \
    run producer(0, 1); run producer(1, 1)
#elif SCENE == 8 /* large: as 2, with two producers */
#define THREADS 2
#define WAIT_BUFFER true
#define BACKS 0
#define RUN OWNERS(1, 4, 0); run receiver(0, 1, false); run direct(1, 1); run producer(0, 1); run producer(0, 1)
#elif SCENE == 7 /* two sleep, messages come, and a third one looks; they have spun, or not */
#define MAY_SPIN true
#define RECEIVER_WAITS_FOR (me < 2 || b[0].added == 3)
#define PRODUCER_WAITS_FOR (parked[0] && parked[1])
#define THREADS 3
#define WAIT_BUFFER false
#define BACKS 0
#define RUN OWNERS(3, 2, 0); run receiver(0, 1, false); run receiver(1, 1, false); run receiver(2, 1, false); \
    run producer(0, 3)
#endif
#ifndef LAST
#define LAST 0
#endif
#define COUNT(x) (b[x].added + b[x].returned - b[x].taken)
#define LATE false
#define THINGS(w) (w.first == 0 -> nready + (incoming != NONE) + knocked : COUNT(0))
#define UNLOCKED !listener_lock && !registry_lock && !b[0].tail && !b[1].tail

#ifndef MAY_SPIN
#define MAY_SPIN false
#endif
#ifndef RECEIVER_WAITS_FOR
#define RECEIVER_WAITS_FOR true
#define PRODUCER_WAITS_FOR true
#endif

#define BUFFERS 2
#define NONE 255
#define QUEUED(x) (nready > 0 && list[0] == x || nready > 1 && list[1] == x)
mtype = { OK, EMPTY, BUSY, STATE, NO_BUFFERS };

typedef buffer {
    byte added, taken, returned;
    byte refs, holds;     /* `life`, one word in the code: each step below changes it once */
    byte newly_ready_next, deferred_next;
    bit tail;             /* its tail lock */
    bit ready, member, known, closed, freed;
};

buffer b[BUFFERS];
bit registry_lock, listener_lock;
byte incoming = NONE, late_holds = NONE;
byte list[BUFFERS], nready; /* the ready queue */
byte connected, listener_refs;
bit listener_closed, listener_freed;
byte backs = BACKS;
bit claimed, knocked;       /* of buffer 0: in the stack of bells, or on its way; and in it */
#include "steps.inc"
waiters lw, bw;             /* those at the listener, and at buffer 0 */

inline WAKE_ONE(w) {
    if
    :: w.sleepers != 0 -> WAKE(w)         /* step: any */
    :: else
    fi
}

/* ---- the ready queue; lock of the listener held where nothing else is said ---- */

inline INSERT(x) {
    d_step {
        assert(!b[x].freed);
        if
        :: QUEUED(x)
        :: else -> list[nready] = x; nready++ /* step: insert */
        fi
    }
}

inline UNLINK(x) {
    d_step {
        if
        :: list[0] == x -> list[0] = list[1]
        :: else
        fi;
        nready--;                         /* step: unlink */
        list[nready] = 0
    }
}

inline HAS_MESSAGES(x) {
    d_step { assert(!b[x].freed); t = b[x].taken } /* step: count_once_taken */
#if BACKS
    r = b[x].returned;                    /* step: count_once_returned */
#endif
    d_step { yes = b[x].added + r != t; t = 0; r = 0 } /* step: count_once_added */
}

/* Its tail lock is held, and nothing else needs to be. */
inline PUSH(x) {
    d_step { assert(!b[x].freed && !b[x].ready); b[x].ready = 1; top = incoming }
    do
    :: d_step { incoming == top -> assert(!b[x].freed); b[x].newly_ready_next = top; incoming = x }
        break                             /* step: push_newly_ready */
    :: else -> top = incoming
    od;
    top = NONE
}

inline COLLECT_INCOMING() {
    if
    :: incoming == NONE
    :: else ->
        d_step { s = incoming; incoming = NONE } /* step: collect_newly_ready */
        if
        :: b[s].newly_ready_next != NONE -> INSERT(b[s].newly_ready_next); b[s].newly_ready_next = NONE
        :: else
        fi;
        INSERT(s);
        s = 0
    fi
}

inline COLLECT_KNOCKED() {
    if
    :: !knocked
    :: else ->
        knocked = 0;                      /* step: collect_knocked */
        INSERT(0);
#if BROKEN != 9
        claimed = 0                       /* step: give_up_the_claim */
#endif
    fi
}

/* Its tail lock is held. */
inline LEAVE_QUEUE(x) {
    COLLECT_INCOMING();
#if BROKEN == 8
    COLLECT_KNOCKED();
#endif
    if
    :: QUEUED(x) -> UNLINK(x)
    :: else
    fi;
    b[x].ready = 0
}

/* An empty buffer leaves the queue, unless a message is on its way into it. `left`: it has left. */
inline RETIRE(x) {
#if BROKEN == 1
    if
    :: true ->
#else
    if
    :: b[x].tail
    :: d_step { !b[x].tail -> b[x].tail = 1 } /* step: tail_is_free */
#endif
        HAS_MESSAGES(x);
        if
        :: yes -> yes = false
        :: else -> LEAVE_QUEUE(x); left = true
        fi;
#if BROKEN != 1
        b[x].tail = 0
#endif
    fi
}

inline TAKE_OFF(x) {
    d_step { !b[x].tail -> b[x].tail = 1 }
    COLLECT_KNOCKED();
    LEAVE_QUEUE(x);
    b[x].tail = 0
}

/* The lock of the listener may be held, or not. */
inline ENTER(x) {
    d_step { !b[x].tail -> assert(!b[x].freed); b[x].tail = 1 }
    if
    :: !b[x].ready -> HAS_MESSAGES(x)
    :: else
    fi;
    if
    :: yes && !b[x].closed -> yes = false; PUSH(x)
    :: else -> yes = false
    fi;
    b[x].tail = 0
}

/* ---- members ---- */

inline MEMBER_LEAVES(x) {
    TAKE_OFF(x);
    d_step { assert(!QUEUED(x)); b[x].member = 0; connected-- } /* step: leave_the_listener */
}

/* Without the lock, as is what follows it: freeing. */
inline ANNOUNCE() {
#if BROKEN != 3
    if
    :: connected == 0 -> WAKE_ALL(lw)     /* step: see_none_connected */
    :: else
    fi
#else
    skip
#endif
}

inline FREE(x) {
    d_step { assert(!b[x].freed && b[x].refs == 0 && b[x].holds == 0); b[x].freed = 1 }
}

/* Under the lock. Sets dead. */
inline DROP_HOLD(x) {
    d_step {
        assert(!b[x].freed && b[x].holds > 0);
        b[x].holds--;                     /* step: drop_hold */
        dead = b[x].holds == 0 && b[x].refs == 0
    }
    if
    :: dead ->
        HAS_MESSAGES(x);
        dead = !yes;
        yes = false;
        if
        :: dead -> MEMBER_LEAVES(x)
        :: else
        fi
    :: else
    fi
}

#if BROKEN == 6
inline LET_GO(x) {
    d_step { assert(!b[x].freed); b[x].holds--; dead = b[x].holds == 0 && b[x].refs == 0 }
    if
    :: dead ->
        d_step { !listener_lock -> listener_lock = 1 }
        HAS_MESSAGES(x);
        dead = !yes;
        yes = false;
        if
        :: dead -> MEMBER_LEAVES(x)
        :: else
        fi;
        listener_lock = 0;
        if
        :: dead -> dead = false; ANNOUNCE(); FREE(x)
        :: else
        fi
    :: else
    fi
}
#else
inline LET_GO(x) {
    if
    :: d_step { !(b[x].holds == 1 && b[x].refs == 0) -> assert(!b[x].freed); b[x].holds-- } /* step: let_go */
    :: b[x].holds == 1 && b[x].refs == 0 ->
        if
        :: d_step { !listener_lock -> listener_lock = 1 }
            DROP_HOLD(x);
            listener_lock = 0;
            if
            :: dead -> dead = false; ANNOUNCE(); FREE(x)
            :: else
            fi
        :: nonblock && listener_lock ->
            d_step { assert(!b[x].freed); b[x].deferred_next = late_holds; late_holds = x } /* step: push_deferred */
            WAKE_ONE(lw)
        fi
    fi
}
#endif

/* The last release of a listener frees what it still owns. */
inline RELEASE_LISTENER() {
    d_step {
        assert(!listener_freed && listener_refs > 0);
        listener_refs--;
        if
        :: listener_refs == 0 ->
            listener_freed = 1;
            if
            :: b[0].member -> assert(b[0].refs == 0 && b[0].holds == (late_holds == 0 || late_holds == 1 && b[1].deferred_next == 0));
                b[0].freed = 1
            :: else
            fi;
            if
            :: b[1].member -> assert(b[1].refs == 0 && b[1].holds == (late_holds == 1 || late_holds == 0 && b[0].deferred_next == 1));
                b[1].freed = 1
            :: else
            fi
        :: else
        fi
    }
}

inline RELEASE(x) {
    if
    :: d_step { b[x].refs > 1 -> b[x].refs-- } /* step: release */
    :: b[x].refs == 1 ->
#if BROKEN == 7
        d_step { b[x].refs--; last = b[x].refs == 0 }
#endif
        d_step { !listener_lock -> listener_lock = 1 }
        d_step { !registry_lock -> registry_lock = 1 }
#if BROKEN != 7
        d_step { b[x].refs--; last = b[x].refs == 0 } /* step: release_the_last */
#endif
        if
        :: last -> d_step { b[x].known = 0; registry_lock = 0 }
        :: else -> registry_lock = 0
        fi;
        if
        :: last ->
            yes = b[x].holds != 0;
            if
            :: yes
            :: else -> HAS_MESSAGES(x)
            fi;
            if
            :: yes -> yes = false;
                ENTER(x);                 /* an orphan: mtm_listener_adopt */
                WAKE_ONE(lw)
            :: else ->
                MEMBER_LEAVES(x);
                dead = true
            fi
        :: else
        fi;
        listener_lock = 0;
        if
        :: dead -> dead = false; ANNOUNCE(); FREE(x)
        :: else
        fi;
        if
        :: last -> last = false; RELEASE_LISTENER()
        :: else
        fi
    fi
}

/* ---- receiving from the listener ---- */

inline TAKE_LATE() {
    if
    :: late_holds == NONE
    :: else ->
        d_step { l = late_holds; late_holds = NONE }  /* step: collect_deferred */
        do
        :: l == NONE -> break
        :: else ->
            d_step { x = l; l = b[x].deferred_next; b[x].deferred_next = NONE }
            DROP_HOLD(x);
            if
            :: dead -> dead = false; gone = true; FREE(x) /* in the code after the lock has been given back */
            :: else
            fi
        od;
        x = NONE
    fi
}

inline TO_END(x) {
    if
    :: list[nready - 1] == x              /* step: stay_in_the_ready_queue */
    :: else -> UNLINK(x); INSERT(x)
    fi
}

inline TAKE_FIRST() {
    at = 0;
    do
    :: at >= nready -> status = (waits -> BUSY : EMPTY); break
    :: else ->
        x = list[at];
        atomic {
            assert(!b[x].freed);
            if
            :: b[x].closed -> status = STATE
            :: !b[x].closed && COUNT(x) > 0 -> b[x].taken++; status = OK; /* step: pop */
                if :: COUNT(x) > 0 -> more = true :: true fi /* as much as it knows without looking */
            :: !b[x].closed && COUNT(x) == 0 -> status = EMPTY
            :: nonblock -> status = BUSY
            fi
        }
        if
        :: status == OK ->
            if
            :: more -> more = false
            :: else -> RETIRE(x)
            fi;
            if
            :: left -> left = false
            :: else -> TO_END(x)
            fi;
            break
        :: status == BUSY -> waits = true; at++
        :: else ->
            if
            :: status == EMPTY -> RETIRE(x)
            :: status == STATE ->
                if
                :: b[x].tail
                :: d_step { !b[x].tail -> b[x].tail = 1; left = true }
                    LEAVE_QUEUE(x);
                    b[x].tail = 0
                fi
            fi;
            if
            :: left -> left = false
            :: else -> at++
            fi
        fi
    od;
    atomic { at = 0; waits = false }
}

inline LOOK() {
    if
    :: d_step { !listener_lock -> assert(!listener_freed); listener_lock = 1; status = EMPTY }
    :: nonblock && listener_lock -> status = BUSY
    fi;
    if
    :: status == BUSY
    :: else ->
        TAKE_LATE();
        if
        :: listener_closed -> status = STATE
        :: !listener_closed && connected == 0 -> status = NO_BUFFERS
        :: else -> COLLECT_KNOCKED(); COLLECT_INCOMING(); TAKE_FIRST()
#if BROKEN == 9
            ; claimed = 0
#endif
        fi;
        if
        :: status == OK -> d_step { b[x].holds++; listener_lock = 0 } /* step: hold */
        :: else -> d_step { x = NONE; listener_lock = 0 }
        fi;
        if
        :: gone -> gone = false; ANNOUNCE()
        :: else
        fi
    fi
}

inline BATON() {
    if
    :: lw.sleepers == 0                   /* step: any_for_the_baton */
    :: else ->
        yes = status == BUSY || listener_closed;
        if
        :: yes
        :: else -> yes = incoming != NONE /* step: see_newly_ready */
        fi;
        if
        :: yes
        :: else -> yes = knocked          /* step: see_knocked */
        fi;
        if
        :: yes
        :: else -> yes = nready != 0      /* step: see_nready */
        fi;
        if
        :: yes
        :: else -> yes = connected == 0   /* step: see_connected */
        fi;
        if
        :: yes -> yes = false; WAKE(lw)
        :: else
        fi
    fi
}

/* The message goes back, and the buffer lines up if it is not there. */
inline PUT_BACK(x) {
    d_step { backs--; assert(!b[x].freed); b[x].returned++ } /* step: put_back */
    ENTER(x);
    WAKE_ONE(lw);
    if
    :: x == 0 -> WAKE_ONE(bw)
    :: else
    fi
}

inline WAIT_FOR_ONE() {
    status = EMPTY;
    if
    :: MAY_SPIN -> SPIN(lw)
    :: true
    fi;
    if
    :: yes -> yes = false; LOOK()
    :: else
    fi;
    if
    :: status == EMPTY || status == BUSY ->
        d_step { lw.sleepers++; in_time = true } /* step: join */
        do
        :: PREPARE(lw);
            LOOK();
            if
            :: status != EMPTY && status != BUSY -> break
            :: else
            fi;
            if
            :: !in_time -> break
            :: status == BUSY && in_time -> if :: in_time = false :: true fi
            :: status != BUSY && in_time -> PARK(in_time)
            fi
        od;
        in_time = false;
        LEAVE(lw)
    :: else
    fi;
    BATON()
}

proctype receiver(byte me; byte receives; bool nonblock) ALIVE {
    byte t, r, s, l = NONE, i, at, x = NONE, top = NONE;
    bit old;
    bool yes, dead, in_time, more, gone, left, waits;
    mtype status;
    RECEIVER_WAITS_FOR;
    do
    :: receives == 0 || status == STATE || status == NO_BUFFERS -> break
    :: else ->
        receives--;
        LOOK();
        if
        :: status == EMPTY || status == BUSY -> WAIT_FOR_ONE()
        :: else ->
            BATON()
        fi;
        if
        :: status == OK ->
            if
            :: backs > 0 -> PUT_BACK(x)
            :: true
            fi;
            LET_GO(x);
            x = NONE
        :: else
        fi
    od;
    RELEASE_LISTENER()
}

/* A receiver that waits for buffer 0 itself. */
inline LOOK_AT_BUFFER() {
    atomic {
        assert(!b[0].freed);
        if
        :: b[0].closed -> status = STATE
        :: !b[0].closed && COUNT(0) > 0 -> b[0].taken++; status = OK
        :: !b[0].closed && COUNT(0) == 0 -> status = EMPTY
        fi
    }
}

inline BATON_OF_BUFFER() {
    if
    :: bw.sleepers == 0
    :: else ->
        yes = b[0].closed;
        if
        :: yes
        :: else -> HAS_MESSAGES(0)
        fi;
        if
        :: yes -> yes = false; WAKE(bw)
        :: else
        fi
    fi
}

proctype direct(byte me; byte receives) {
    byte t, r, s, i, top = NONE;
    bit old;
    bool yes, dead, last, in_time;
    mtype status;
    do
    :: receives == 0 || status == STATE -> break
    :: else ->
        receives--;
        LOOK_AT_BUFFER();
        if
        :: status == EMPTY ->
            d_step { !b[0].tail -> bw.sleepers++; in_time = true } /* see PUT */
            do
            :: PREPARE(bw);
                LOOK_AT_BUFFER();
                if
                :: status != EMPTY || !in_time -> break
                :: else -> PARK(in_time)
                fi
            od;
            in_time = false;
            LEAVE(bw);
            BATON_OF_BUFFER()
        :: else
        fi;
        if
        :: status == OK && backs > 0 -> PUT_BACK(0)
        :: true
        fi
    od;
    RELEASE(0)
}

/* ---- putting ---- */

/* Waiters of the buffer join under the tail lock, so the look for them is one step with publishing. */
inline PUT(x) {
    d_step { !b[x].tail -> assert(!b[x].freed); b[x].tail = 1 }
    if
    :: b[x].closed -> b[x].tail = 0
    :: else ->
#if BROKEN == 2
        if
        :: b[x].ready -> b[x].added++; b[x].tail = 0
        :: else -> b[x].added++; b[x].tail = 0; PUSH(x)
        fi;
#else
        if
        :: b[x].ready
        :: else -> PUSH(x)
        fi;
        d_step {
            b[x].added++;                 /* step: publish */
            wake = WAIT_BUFFER && x == 0 && bw.sleepers != 0;
            b[x].tail = 0
        }
#endif
        assert(!listener_freed);
#if BROKEN != 5
        WAKE_ONE(lw);
#endif
        if
        :: wake -> wake = false; WAKE(bw)
        :: else
        fi
    fi
}

proctype producer(byte x; byte puts) ALIVE {
    byte t, r, s, i, top = NONE;
    bit old;
    bool yes, dead, last, wake;
    PRODUCER_WAITS_FOR;
    do
    :: puts == 0 -> break
    :: else -> puts--; PUT(x)
    od;
    RELEASE(x)
}

/* A notification of a buffer whose tail lock is not waited for: see bell.pml. */
inline KNOCK(x) {
    d_step { assert(!b[x].freed); b[x].added++ } /* step: knock */
    atomic {
        if
        :: claimed
        :: else -> claimed = 1; yes = true /* step: claim_the_bell */
        fi
    }
    if
    :: yes -> yes = false;
        d_step { assert(!b[x].freed && !knocked && claimed); knocked = 1 } /* step: push_knocked */
    :: else
    fi;
    assert(!listener_freed);
    WAKE_ONE(lw)
}

proctype knocker(byte x; byte knocks) {
    byte t, r, s, i, top = NONE;
    bit old;
    bool yes, dead, last;
    do
    :: knocks == 0 -> break
    :: else -> knocks--; KNOCK(x)
    od;
    RELEASE(x)
}

/* Finds a buffer as long as somebody has it, and puts a message. */
proctype finder() {
    byte t, r, s, i, top = NONE;
    bit old;
    bool yes, dead, last, wake;
    if
    :: d_step { !registry_lock && b[0].known -> b[0].refs++ } /* step: find */
        PUT(0);
        RELEASE(0)
    :: !registry_lock && !b[0].known
    fi
}

/* Walks over the members: clears them, or closes the listener and them. It has a reference to the listener. */
inline STEP() {
    d_step { !listener_lock -> listener_lock = 1 }
    d_step {
        next = (x == NONE -> 0 : x + 1);
        do
        :: next < BUFFERS && !b[next].member -> next++
        :: else -> break
        od;
        if
        :: next < BUFFERS -> b[next].holds++ /* step: hold */
        :: else -> next = NONE
        fi;
        listener_lock = 0
    }
    if
    :: x != NONE -> LET_GO(x)
    :: else
    fi;
    d_step { x = next; next = 0 }
}

proctype walker() {
    byte t, r, s, l, i, x = NONE, next;
    bit old;
    bool yes, dead, close, nonblock;
    if
    :: close = true;
        d_step { !listener_lock -> listener_closed = 1 }
        WAKE_ALL(lw)
    :: true
    fi;
    do
    :: STEP();
        if
        :: x == NONE -> break
        :: x != NONE && close ->
            d_step { !listener_lock -> listener_lock = 1 }
            d_step { !b[x].tail -> b[x].closed = 1; b[x].taken = b[x].added + b[x].returned } /* both its locks */
            TAKE_OFF(x);
            listener_lock = 0;
            if
            :: x == 0 -> WAKE_ALL(bw)
            :: else
            fi
        :: x != NONE && !close -> d_step { !b[x].tail -> b[x].taken = b[x].added + b[x].returned } /* both locks */
        fi
    od;
    RELEASE_LISTENER()
}

#if LAST
proctype fate() { FATE(2, LAST) }
#endif

inline NOBODY_SLEEPS_IN_VAIN() {
    for (i : 0 .. THREADS - 1) {
        if
        :: !parked[i] || frozen == i + 2
        :: parked[i] && WAIT_BUFFER && i == 1 -> assert(COUNT(0) == 0 && !b[0].closed)
        :: else -> assert(!listener_closed && connected > 0 && late_holds == NONE && COUNT(0) == 0 && COUNT(1) == 0)
        fi
    }
}

inline ONE_MORE() {
    PUT(0);
    timeout
}

/* When nothing moves any more: nobody sleeps over what it could have, each entry is where `ready` says, and what
 * nobody has is gone. If a thread has stopped for ever, the first is true of the others once two more messages have
 * come after that, and all of it if it goes on at last. */
active proctype monitor() {
    byte t, r, i, top = NONE;
    bit old;
    bool yes, wake;
    timeout ->
    if
    :: frozen != 255 && !b[0].freed ->
        late = true;
        ONE_MORE();
        ONE_MORE();
        NOBODY_SLEEPS_IN_VAIN();
        atomic { frozen = 255; late = false }
        timeout
    :: frozen != 255 && b[0].freed -> frozen = 255; timeout
    :: else
    fi;
    assert(!listener_lock && !registry_lock && !b[0].tail && !b[1].tail);
    NOBODY_SLEEPS_IN_VAIN();
    for (i : 0 .. BUFFERS - 1) {
        if
        :: b[i].freed -> assert(b[i].refs == 0 && b[i].holds == 0 || listener_freed)
        :: else ->
            assert(!listener_freed);
            assert(b[i].refs > 0 || b[i].holds > 0 || COUNT(i) > 0);
            yes = QUEUED(i) || incoming == i || incoming == 1 - i && b[1 - i].newly_ready_next == i;
            assert(b[i].closed || COUNT(i) == 0 || yes || knocked && i == 0);
            assert(!b[i].ready || yes);
            assert(claimed == knocked && (b[i].ready || !QUEUED(i) || i == 0))
        fi
    }
}

#define OWNERS(receivers, first, second) OWN(0, first); OWN(1, second); \
    listener_refs = receivers + connected

inline OWN(x, n) {
    b[x].refs = n;
    b[x].newly_ready_next = NONE;
    b[x].deferred_next = NONE;
    if
    :: n > 0 -> b[x].member = 1; b[x].known = 1; connected++
    :: else -> b[x].freed = 1
    fi
}

init {
    atomic {
        lw.last = THREADS - 1 - WAIT_BUFFER;
        bw.first = THREADS - 1;
        bw.last = (WAIT_BUFFER -> bw.first : 0);
        RUN
    }
}
