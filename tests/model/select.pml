/* Waiting for several sources: core/select, and how core/source wakes, on top of the event count of core/waiters. There
 * are two sources, of which messages are only counted; selects wait for both, and a receiver for the first one. It
 * shows: when all is done nobody sleeps who could have a message, or who was to learn of the end of a source or of an
 * abort.
 * sources: select.c source.c
 *
 * BROKEN 1 in scene 1: a select passes no baton
 * BROKEN 2 in scene 1: a select forgets signals after it has looked
 * BROKEN 3 in scene 2: who gives back the lock of the choices does not look once more
 * BROKEN 4 in scene 4: the first one in turn is signalled, though it is on its way already
 * BROKEN 5 in scene 3: the end is told to receivers alone
 * BROKEN 6 in scene 2: a select answers nowhere
 * BROKEN 7 in scene 1: a select enters the choices after it has looked
 * BROKEN 8 in scene 6: a select that was aborted and re-enabled while it slept looks at the state alone
 * BROKEN 104 in scene 4: one wake-up stands for every message that comes meanwhile
 */
#if SCENE == 1 /* a select and a receiver */
#define SELECTS 1
#define THREADS 2
#define RUN run select_(0, 1); run receiver(1, 1); run producer(0, 1); run producer(1, 1)
#elif SCENE == 2 /* two selects, one of them with a deadline */
#define SELECTS 2
#define THREADS 2
#define RUN timed[1] = true; run select_(0, 1); run select_(1, 1); run producer(0, 2)
#elif SCENE == 3 /* one of the sources ends */
#define SELECTS 2
#define THREADS 2
#define RUN run select_(0, 1); run select_(1, 1); run closer(0)
#elif SCENE == 4 /* one of all threads stops for ever, anywhere; then two more messages come */
#define SELECTS 2
#define THREADS 2
#define LAST 4
#define RUN run select_(0, 1); run select_(1, 1); run producer(0, 1); run fate()
#elif SCENE == 6 /* one of the sources is aborted, and perhaps re-enabled at once */
#define SELECTS 2
#define THREADS 2
#define ABORTS
#define RUN run select_(0, 1); run select_(1, 1); run aborter(0)
#elif SCENE == 5 /* large: two selects, a receiver, and both sources */
#define SELECTS 2
#define THREADS 3
#define RUN timed[1] = true; run select_(0, 1); run select_(1, 1); run receiver(2, 1); run producer(0, 2); \
    run producer(1, 1)
#endif
#ifndef LAST
#define LAST 0
#endif
#define SLEEPERS (x == 0 -> w0.sleepers : w1.sleepers)
#define LATE false
#define THINGS(w) s[x].count
#define UNLOCKED (!s[0].tail_lock && !s[1].tail_lock && !s[0].lock && !s[1].lock)
#define ROUSE(w) ROUSE_SOMEBODY()
#include "steps.inc"

mtype = { OK, EMPTY, STATE };

typedef source {
    byte count;
    bit tail_lock, lock; /* lock: of the choices */
    bool stopped;        /* closed or aborted */
    byte aborts;
    byte seen[SELECTS];  /* `aborts` when the select began */
    byte owed;
    bool all;            /* one word with `owed` in the code */
    bool member[SELECTS];
};
source s[2];
waiters w0, w1; /* those at each of them */
bool signalled[SELECTS];

#if SELECTS == 1
#define ANY_CHOICES (s[x].member[0])
#else
#define ANY_CHOICES (s[x].member[0] || s[x].member[1])
#endif

inline ROUSE_DIRECT() { if :: x == 0 -> ROUSE_ONE(w0) :: else fi } /* step: rouse_one */

/* One after the other, since each is one operation: until one was not on its way. In the code turns change. */
inline SIGNAL(to) {
    d_step {                              /* step: signal_select */
        found = !found && s[x].member[to] && !signalled[to];
        if
        :: found -> signalled[to] = true
        :: else
        fi
    }
    if
    :: found -> parked[to] = false        /* step: rouse_select */
    :: else
    fi
}

inline ROUSE_A_CHOICE() {
#if BROKEN == 4
    d_step { found = true; parked[0] = parked[0] && !s[x].member[0]; signalled[0] = true }
#else
    SIGNAL(0);
#if SELECTS > 1
    if
    :: !found -> SIGNAL(1)
    :: else
    fi;
#endif
#endif
    if
    :: !found -> ROUSE_DIRECT()
    :: else -> found = false
    fi
}

inline SIGNAL_ALL() {
    d_step {
        signalled[0] = signalled[0] || s[x].member[0];
#if SELECTS > 1
        signalled[1] = signalled[1] || s[x].member[1];
#endif
    }
    d_step {
        parked[0] = parked[0] && !s[x].member[0];
#if SELECTS > 1
        parked[1] = parked[1] && !s[x].member[1];
#endif
    }
}

/* What is owed by several calls is paid as if by each of them. */
inline PAY() {
    do
    :: s[x].owed == 0 && !s[x].all -> break /* step: see_owed */
    :: else ->
        if
        :: s[x].lock -> break
        :: d_step {
                !s[x].lock -> s[x].lock = 1 /* step: choices_are_free */
            }
            d_step { owed = s[x].owed; every = s[x].all; s[x].owed = 0; s[x].all = false } /* step: collect_owed */
            if
            :: every -> every = false; SIGNAL_ALL()
            :: else
            fi;
            do
            :: owed > 0 -> owed--; ROUSE_A_CHOICE()
            :: else -> break
            od;
            s[x].lock = 0;
#if BROKEN == 3
            break
#endif
        fi
    od
}

inline ROUSE_SOMEBODY() {
    if
    :: !ANY_CHOICES -> ROUSE_DIRECT()  /* step: any_choices */
    :: else ->
        s[x].owed++;                      /* step: owe_one */
        PAY()
    fi
}

inline WAKE_AT() { if :: x == 0 -> WAKE(w0) :: else -> WAKE(w1) fi }

inline LOOK() {
    atomic {
        if
        :: s[x].stopped -> status = STATE
        :: !s[x].stopped && s[x].count > 0 -> s[x].count--; status = OK
        :: else -> status = EMPTY
        fi
    }
}

/* A select's look. Where nothing is ever aborted the comparison would only cost states. */
inline LOOK_AT() {
    LOOK();
#if defined(ABORTS) && BROKEN != 8
    if
    :: status == EMPTY && s[x].aborts != s[x].seen[me] -> status = STATE /* step: aborts_since */
    :: else
    fi
#endif
}

/* Messages first; that a source has ended is told afterwards. */
inline LOOK_AT_ALL() {
    x = 0;
    LOOK_AT();
    ended = status == STATE;
    if
    :: status != OK -> x = 1; LOOK_AT()
    :: else
    fi;
    if
    :: ended && status != OK -> status = STATE
    :: else
    fi;
    ended = false
}

inline BATON() {
    if
    :: SLEEPERS == 0               /* step: any_for_the_baton */
    :: else ->
        if
        :: s[x].count > 0 || s[x].stopped -> WAKE_AT()
        :: else
        fi
    fi
}

inline ENTER() {
    d_step {
        !s[x].tail_lock ->
        if
        :: x == 0 -> w0.sleepers++        /* step: join */
        :: else -> w1.sleepers++
        fi
    }
#if BROKEN != 7
    ENTER_CHOICES()
#endif
}

inline ENTER_CHOICES() {
    d_step { !s[x].lock -> s[x].member[me] = true } /* step: enter_choices */
    PAY()
}

inline LEAVE_CHOICES() {
    d_step { !s[x].lock -> s[x].member[me] = false } /* step: leave_choices */
    PAY()
}

proctype select_(byte me; byte receives) ALIVE {
    byte i, x, owed;
    bool every, found, ended, in_time;
    mtype status;
    do
    :: receives == 0 || status == STATE -> break
    :: else ->
        d_step { receives--; s[0].seen[me] = s[0].aborts; s[1].seen[me] = s[1].aborts }
        LOOK_AT_ALL();
        if
        :: status != EMPTY
        :: else ->
            x = 0; ENTER();
            x = 1; ENTER();
            in_time = true;
            do
            :: true ->
#if BROKEN != 2
                signalled[me] = false;    /* step: unsignal */
#endif
#if BROKEN != 6
                ANSWER(w0);
                ANSWER(w1);
#endif
                LOOK_AT_ALL();
#if BROKEN == 2
                signalled[me] = false;
#endif
#if BROKEN == 7
                if
                :: !s[0].member[me] -> x = 0; ENTER_CHOICES(); x = 1; ENTER_CHOICES()
                :: else
                fi;
#endif
                if
                :: status != EMPTY || !in_time -> break
                :: else
                fi;
                d_step { parked[me] = !signalled[me] } /* step: park_select */
end_parked:
                if
                :: !parked[me]
                :: d_step { parked[me] && timed[me] -> parked[me] = false; in_time = false }
                fi
            od;
            x = 0; LEAVE_CHOICES(); LEAVE(w0);
            x = 1; LEAVE_CHOICES(); LEAVE(w1);
            in_time = false;
#if BROKEN != 1
            x = 0; BATON();
            x = 1; BATON();
#endif
            x = 0
        fi
    od
}

/* As in waiting.pml, without spinning. */
proctype receiver(byte me; byte receives) ALIVE {
    byte i, x, owed;
    bool every, found, in_time;
    mtype status;
    do
    :: receives == 0 || status == STATE -> break
    :: else ->
        receives--;
        LOOK();
        if
        :: status != EMPTY
        :: else ->
            d_step { !s[0].tail_lock -> w0.sleepers++; in_time = true }
            do
            :: true ->
                PREPARE(w0);
                LOOK();
                if
                :: status != EMPTY || !in_time -> break
                :: else
                fi;
                PARK(in_time)
            od;
            in_time = false;
            LEAVE(w0);
            BATON()
        fi
    od
}

proctype producer(byte x; byte puts) ALIVE {
    byte i, owed;
    bool every, found, wake;
    do
    :: puts == 0 || s[x].stopped -> break
    :: else ->
        d_step { !s[x].tail_lock && !s[x].stopped -> puts--; s[x].tail_lock = 1; s[x].count++ }
        d_step { wake = SLEEPERS != 0; s[x].tail_lock = 0 }
        if
        :: wake -> wake = false; WAKE_AT()
        :: else
        fi
    od
}

inline CHANGE(stop, abort, shut) {
    d_step { !s[x].tail_lock -> s[x].stopped = stop; s[x].tail_lock = 1 } /* step: change_flags */
    d_step {
        s[x].aborts = s[x].aborts + abort; /* step: count_the_abort */
        if
        :: shut -> s[x].count = 0
        :: else
        fi;
        s[x].tail_lock = 0
    }
    WAKE_ALL(w0);
    if
#if BROKEN == 5
    :: true
#else
    :: !ANY_CHOICES                       /* step: any_choices_at_all */
    :: else ->
        s[x].all = true;                  /* step: owe_all */
        PAY()
#endif
    fi
}

proctype closer(byte x) {
    byte i, owed;
    bool every, found;
    CHANGE(true, 0, true)
}

/* Abort; abort and re-enable. */
proctype aborter(byte x) {
    byte i, owed;
    bool every, found;
    CHANGE(true, 1, false);
    if
    :: CHANGE(false, 0, false)
    :: true
    fi
}

#if LAST
proctype fate() { FATE(2, LAST) }
#endif

inline NOBODY_SLEEPS_IN_VAIN() {
    for (i : 0 .. THREADS - 1) {
        assert(!parked[i] || frozen == i + 2 || s[0].count == 0 && !s[0].stopped);
        assert(!parked[i] || frozen == i + 2 || i >= SELECTS || s[1].count == 0 && !s[1].stopped);
        assert(!parked[i] || frozen == i + 2 || i >= SELECTS || s[0].aborts == s[0].seen[i])
    }
    i = 0
}

inline ONE_MORE() {
    assert(UNLOCKED);
    s[0].count++;
    if
    :: w0.sleepers != 0 -> WAKE_AT()
    :: else
    fi;
    timeout
}

/* As in waiting.pml. */
active proctype monitor() {
    byte i, x, owed;
    bool every, found;
    timeout ->
    if
    :: frozen != 255 ->
        late = true;
        ONE_MORE();
        ONE_MORE();
        NOBODY_SLEEPS_IN_VAIN();
        atomic { frozen = 255; late = false }
        timeout
    :: else
    fi;
    NOBODY_SLEEPS_IN_VAIN();
    assert(s[0].owed == 0 && s[1].owed == 0)
}

init {
    atomic {
        w0.first = SELECTS;
        w0.last = THREADS - 1;
        w1.first = THREADS;               /* nobody receives there */
        w1.last = THREADS - 1;
        RUN
    }
}
