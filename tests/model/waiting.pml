/* Waiting for one buffer, and waking: core/waiters, with the receive loop of core/receive and the put of core/buffer
 * around it. It shows: when all is done nobody sleeps who could have a message, or who was to learn of an abort or a
 * close. The queue is only counted here; it is modelled in queue.pml.
 * sources: buffer_take.c fast_path.h listener_take.c object.c receive.c send.c spin.c waiters.c waiters.h
 *
 * BROKEN 101 in scene 1: who wakes does not change the sequence
 * BROKEN 102 in scene 1: a wake-up is answered before the ticket is read
 * BROKEN 103 in scene 1: nobody answers
 * BROKEN 104 in scene 6: one wake-up stands for every message that comes meanwhile
 * BROKEN 1 in scene 1: who leaves passes no baton
 * BROKEN 2 in scene 3: who puts back wakes nobody
 * BROKEN 3 in scene 1: a put looks for sleepers before it publishes
 * BROKEN 4 in scene 3: abort and close wake nobody
 * BROKEN 5 in scene 1: who has spun until its deadline goes without another look
 * BROKEN 6 in scene 1: who takes a message after spinning passes no baton
 * BROKEN 7 in scene 1: a put looks who is coming before it publishes, as without a fence between the two
 * BROKEN 8 in scene 6: who is late is counted on for ever
 */
#if SCENE == 1 /* spinning, and a deadline */
#define THREADS 2
#define MAY_SPIN true
#define BACKS 0
#define RUN timed[1] = true; run receiver(0, 2, false); run receiver(1, 1, false); run producer(2); run producer(1)
#elif SCENE == 2 /* a nonblocking receiver, and receives that fail */
#define THREADS 2
#define MAY_SPIN true
#define BACKS 1
#define RUN timed[1] = true; run receiver(0, 1, false); run receiver(1, 1, true); run producer(1); run producer(1)
#elif SCENE == 3 /* abort, abort with re-enabling, and close */
#define THREADS 2
#define MAY_SPIN true
#define BACKS 1
#define RUN timed[1] = true; run receiver(0, 1, false); run receiver(1, 1, false); run producer(1); run changer()
#elif SCENE == 6 /* one of all threads stops for ever, anywhere; then two more messages come */
#define THREADS 2
#define MAY_SPIN true
#define BACKS 0
#define LAST 4
#define RUN run receiver(0, 2, false); run receiver(1, 2, false); run producer(2); run fate()
#elif SCENE == 7 /* as 1, but nobody spins, and everybody may seem late at any time */
#define THREADS 2
#define MAY_SPIN false
#define LATE true
#define BACKS 0
#define RUN timed[1] = true; run receiver(0, 2, false); run receiver(1, 1, false); run producer(2); run producer(1)
#elif SCENE == 4 /* large: two who wait without limit and one with a deadline; nobody spins */
#define THREADS 3
#define MAY_SPIN false
#define BACKS 0
#define RUN timed[2] = true; run receiver(0, 1, false); run receiver(1, 1, false); run receiver(2, 1, false); \
    run producer(1); run producer(1)
#elif SCENE == 5 /* large: the same, and all may spin */
#define THREADS 3
#define MAY_SPIN true
#define BACKS 0
#define RUN timed[2] = true; run receiver(0, 1, false); run receiver(1, 1, false); run receiver(2, 1, false); \
    run producer(1); run producer(1)
#endif
#ifndef LAST
#define LAST 0
#endif
#define COUNT (added + returned - taken)
#ifndef LATE
#define LATE false
#endif
#define THINGS(w) COUNT
#define UNLOCKED !tail_lock
#include "steps.inc"

mtype = { OK, EMPTY, BUSY, STATE };

waiters w;
bit tail_lock;
byte added, taken, returned;
byte flags, aborts; /* flags: 1 aborted, 2 closed */
byte seen_aborts[THREADS];
byte backs = BACKS; /* how often a receive may still fail after it has taken */

/* One look: mtm_buffer_take. Under the head lock it loads `added` once and stores `taken` once, and a put between the
 * two changes nothing, so it is one step. A nonblocking receiver may find the lock held. */
inline LOOK() {
    atomic {
        if
        :: flags != 0 -> status = STATE
        :: flags == 0 && COUNT > 0 -> taken++; status = OK /* step: pop */
        :: flags == 0 && COUNT == 0 -> status = EMPTY
        :: nonblock -> status = BUSY
        fi
    }
}

/* worth_a_look, operation by operation, because it is done without a lock */
inline WORTH() {
    yes = flags != 0;                     /* step: see_flags */
    if
    :: yes
    :: else ->
        t = taken;                        /* step: count_once_taken */
        r = returned;                     /* step: count_once_returned */
        d_step { yes = added + r != t; t = 0; r = 0 } /* step: count_once_added */
    fi
}

inline BATON() {
    if
    :: w.sleepers == 0                    /* step: any_for_the_baton */
    :: else ->
        if
        :: status == BUSY -> yes = true
        :: else -> WORTH()
        fi;
        if
        :: yes -> yes = false; WAKE(w)
        :: else
        fi
    fi
}

inline PUT_BACK() {
    d_step { backs--; returned++ }        /* step: put_back */
#if BROKEN != 2
    if
    :: w.sleepers != 0 -> WAKE(w)         /* step: any_after_putting_back */
    :: else
    fi
#endif
}

inline LOOK_UNTIL_FOUND() {
    do
    :: PREPARE(w);
        LOOK();
        if
        :: status != EMPTY && status != BUSY -> break
        :: else
        fi;
        if
        :: aborts != seen_aborts[me] -> status = STATE; break /* step: aborts_since */
        :: else
        fi;
        if
        :: !in_time -> break
        :: status == BUSY && in_time -> if :: in_time = false :: true fi
        :: status != BUSY && in_time -> PARK(in_time)
        fi
    od
}

inline WAIT_FOR_ONE() {
    seen_aborts[me] = aborts;             /* step: aborts_before */
    status = EMPTY;
    if
    :: MAY_SPIN -> SPIN(w)
    :: true
    fi;
    if
    :: yes -> yes = false; LOOK()
#if BROKEN == 6
        if
        :: status == OK -> goto received
        :: else
        fi
#endif
#if BROKEN == 5
    :: !yes && timed[me] -> goto received
#else
    :: !yes -> LOOK()                     /* who polled on its own looks in any case */
#endif
    :: !yes
    fi;
    if
    :: status == EMPTY || status == BUSY ->
        if
        :: d_step { !tail_lock -> w.sleepers++; in_time = true } /* step: join */
            LOOK_UNTIL_FOUND();
            in_time = false;
            LEAVE(w)
        :: nonblock -> LOOK()             /* the time is up */
        fi
    :: else
    fi;
#if BROKEN != 1
    BATON()
#endif
}

proctype receiver(byte me; byte receives; bool nonblock) ALIVE {
    byte t, r, i;
    bit old;
    bool in_time, yes;
    mtype status;
    do
    :: receives == 0 || status == STATE -> break
    :: else ->
        receives--;
        LOOK();
        if
        :: status == EMPTY || status == BUSY -> WAIT_FOR_ONE()
        :: else
        fi;
received:
        if
        :: status == OK && backs > 0 -> PUT_BACK()
        :: true
        fi
    od
}

proctype producer(byte puts) ALIVE {
    byte i;
    bit old;
    bool wake, refused, seen;
    do
    :: puts == 0 || refused -> break
    :: else ->
#if BROKEN == 3
        wake = w.sleepers != 0;
#endif
#if BROKEN == 7
        seen = w.coming > 0;
#endif
        d_step {
            !tail_lock ->
            puts--;
            if
            :: flags != 0 -> refused = true
            :: else -> tail_lock = 1; added++ /* step: publish */
            fi
        }
        if
        :: refused
        :: else ->
#if BROKEN == 3
            tail_lock = 0;
#else
            d_step { wake = w.sleepers != 0; tail_lock = 0 } /* step: any_after_a_put */
#endif
            if
#if BROKEN == 7
            :: wake && seen -> wake = false
#endif
            :: wake && !seen -> wake = false; WAKE(w)
            :: !wake
            fi
        fi
    od
}

inline CHANGE(set, abort, shut) {
    d_step { !tail_lock -> flags = set; tail_lock = 1 } /* step: change_flags */
    d_step {
        aborts = aborts + abort;          /* step: count_the_abort */
        if
        :: shut -> taken = added + returned
        :: else
        fi;
        tail_lock = 0
    }
#if BROKEN != 4
    WAKE_ALL(w)
#endif
}

/* Abort; abort and re-enable; close. */
proctype changer() {
    byte i;
    if
    :: CHANGE(1, 1, false)
    :: CHANGE(1, 1, false); CHANGE(0, 0, false)
    :: CHANGE(2, 0, true)
    fi
}

#if LAST
proctype fate() { FATE(2, LAST) }
#endif

inline NOBODY_SLEEPS_IN_VAIN() {
    for (i : 0 .. THREADS - 1) {
        assert(!parked[i] || frozen == i + 2 || COUNT == 0 && flags == 0 && aborts == seen_aborts[i])
    }
}

inline ONE_MORE() {
    assert(!tail_lock);
    added++;
    if
    :: w.sleepers != 0 -> WAKE(w)
    :: else
    fi;
    timeout
}

/* When nothing moves any more, nobody sleeps over a message, an abort or a close. If a thread has stopped for ever,
 * this is true of the others once two more messages have come after that (one of them may rouse it, if it sleeps);
 * and of all if it goes on at last. */
active proctype monitor() {
    byte i;
    timeout ->
    if
    :: frozen != 255 ->
#if BROKEN != 8
        late = true;
#endif
        ONE_MORE();
        ONE_MORE();
        NOBODY_SLEEPS_IN_VAIN();
        atomic { frozen = 255; late = false }
        timeout
    :: else
    fi;
    NOBODY_SLEEPS_IN_VAIN()
}

init {
    atomic {
        w.last = THREADS - 1;
        RUN
    }
}
