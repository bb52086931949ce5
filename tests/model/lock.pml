/* The lock of one word: core/lock. It shows: no two threads are inside, and nobody who waits without a deadline is
 * forgotten by those who leave. What other locks and models take for one step is here in its parts.
 * sources: lock.c lock.h
 *
 * BROKEN 1 in scene 1: who has parked takes the lock as if nobody else had
 * BROKEN 2 in scene 1: unlock rouses before it gives the lock back
 * BROKEN 3 in scene 1: unlock looks at the word, then stores to it
 */
#if SCENE == 1 /* three threads without a deadline, one of them twice */
#define THREADS 3
#define RUN run locker(0, 2); run locker(1, 1); run locker(2, 1)
#elif SCENE == 2 /* two with a deadline, two without */
#define THREADS 4
#define RUN timed[2] = true; timed[3] = true; \
    run locker(0, 1); run locker(1, 1); run locker(2, 1); run locker(3, 1)
#elif SCENE == 3 /* large: four threads, some twice */
#define THREADS 4
#define RUN timed[3] = true; run locker(0, 2); run locker(1, 2); run locker(2, 1); run locker(3, 2)
#endif

byte word, inside;
bool parked[THREADS], timed[THREADS];

#define SWAP(old, value) d_step { old = word; word = value }

inline PARK() {
    d_step { parked[me] = word == 2 }     /* step: park_for_a_lock */
    if
    :: !parked[me]
    :: d_step { !parked[me] && timed[me] -> in_time = false } /* roused, but late */
    :: d_step { parked[me] && timed[me] -> parked[me] = false; in_time = false }
    fi
}

inline ROUSE() {
    atomic {
        if
        :: parked[0] -> parked[0] = false
        :: parked[1] -> parked[1] = false
        :: parked[2] -> parked[2] = false
#if THREADS > 3
        :: parked[3] -> parked[3] = false
#endif
        :: else
        fi
    }
}

/* With a deadline it is mtm_lock_until; without, mtm_lock, which tries to take the free word now and then at first. */
inline TAKE_LOCK() {
    if
    :: d_step { word == 0 -> word = 1; taken = true } /* step: take_a_free_lock */
    :: true ->
        do
        :: SWAP(old, 2);                  /* step: take_a_lock_that_others_wait_for */
            if
            :: old == 0 -> taken = true;
#if BROKEN == 1
                word = 1;
#endif
                break
            :: old != 0 && !in_time -> break
            :: else -> PARK()
            fi
        od
    fi;
    old = 0
}

inline GIVE_LOCK() {
#if BROKEN == 2
    if
    :: word == 2 -> ROUSE()
    :: else
    fi;
    word = 0
#elif BROKEN == 3
    old = word;
    word = 0;
    if
    :: old == 2 -> ROUSE()
    :: else
    fi
#else
    SWAP(old, 0);                         /* step: unlock */
    if
    :: old == 2 -> ROUSE()                /* step: rouse_for_a_lock */
    :: else
    fi
#endif
    old = 0
}

proctype locker(byte me, times) {
    byte old;
    bool in_time, taken;
    do
    :: times == 0 -> break
    :: else ->
        times--;
        in_time = true;
        TAKE_LOCK();
        if
        :: taken ->
            inside++;
            assert(inside == 1);
            inside--;
            taken = false;
            GIVE_LOCK()
        :: else
        fi
    od
}

init {
    atomic {
        RUN
    }
}
