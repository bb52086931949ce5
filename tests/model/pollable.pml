/* The descriptor of a source: core/pollable, with what publishes around it. One descriptor, its owner, who polls it and
 * receives until there is nothing, and others who add, take, put back, clear, abort and close. It shows: when all is done
 * the owner does not sleep over a message or an end; the descriptor is readable only if it was set since the owner has
 * last found nothing, so the owner does not look in vain again and again; and nobody sets a descriptor that is closed.
 * sources: pollable.c
 *
 * BROKEN 1 in scene 1: who finds nothing notes that before the descriptor is unset
 * BROKEN 2 in scene 1: who finds nothing does not look again
 * BROKEN 3 in scene 1: who has set it notes that even if the owner has found nothing since
 * BROKEN 4 in scene 1: who puts back tells nobody
 * BROKEN 5 in scene 2: a change of state tells nobody
 * BROKEN 6 in scene 1: who finds nothing does not unset the descriptor
 * BROKEN 7 in scene 3: it is noted as told before it is set
 * BROKEN 8 in scene 4: the owner closes it without regard to those who are telling it
 * BROKEN 9 in scene 1: a put looks whether it was told before it publishes, as without a fence between the two
 * BROKEN 10 in scene 4: who opens it does not look whether there is something already
 */
#if SCENE == 1 /* messages are added, taken by others, and put back */
#define RUN run owner(1); run producer(1); run producer(1); run taker(1)
#elif SCENE == 2 /* messages are cleared; abort, abort with re-enabling, and close */
#define RUN run owner(1); run producer(1); run changer(); run clearer()
#elif SCENE == 3 /* one of those who publish stops for ever, anywhere; then one more message comes */
#define RUN run owner(1); run producer(1); run producer(1); run fate()
#define LAST 4
#elif SCENE == 4 /* the owner closes it, and another opens it, while others tell */
#define RUN run owner(2); run producer(1); run producer(1)
#endif
#define COUNT (added + returned - taken)
#define CLAIMED 255

byte added, taken, returned;
byte flags;     /* 1 aborted, 2 closed */
bool watched;   /* whoever publishes must tell; written under the lock under which they look */
bool told;      /* these two are one word in the code */
bool stale[8];  /* for each process: the owner has found nothing since it saw whether it was told */
byte users;
bool open, readable;
bool set_again; /* since the owner last found nothing */
bool done;
byte frozen = 255;
#define ALIVE provided (frozen != _pid)

inline LEAVE() {
    d_step {                              /* step: leave_pollable */
        last = users == 1;
        users = (last -> CLAIMED : users - 1)
    }
    if
    :: last -> d_step { open = false; readable = false; last = false } users = 0
    :: else
    fi
}

inline SET() {
#if BROKEN == 7
    d_step {
        if
        :: !stale[_pid] -> told = true
        :: else
        fi
    }
#endif
    d_step { assert(open); readable = true; set_again = true } /* step: set_descriptor */
#if BROKEN == 3
    told = true
#elif BROKEN != 7
    d_step {                              /* step: note_told */
        if
        :: !stale[_pid] && !told -> told = true
        :: else
        fi
    }
#endif
}

inline SEE_IF_TOLD() { d_step { skip_it = told; stale[_pid] = false } } /* step: see_if_told */

inline TELL_UNLESS_TOLD() {
    if
    :: skip_it
    :: else ->
        if
        :: d_step { users != 0 && users != CLAIMED -> users++ } /* step: enter_pollable */
            SET();
            LEAVE()
        :: users == 0 || users == CLAIMED
        fi
    fi;
    d_step { skip_it = false; stale[_pid] = false }
}

inline TELL() {
    SEE_IF_TOLD();
    TELL_UNLESS_TOLD()
}

/* After publishing. */
inline TELL_IF_WATCHED() {
    if
    :: watched -> TELL()
    :: else
    fi
}

/* What is looked at without a lock, operation by operation, as in waiting.pml */
inline WORTH() {
    yes = flags != 0;
    if
    :: yes
    :: else ->
        t = taken;
        r = returned;
        d_step { yes = added + r != t; t = 0; r = 0 }
    fi
}

inline MAKE_STALE() {
    stale[0] = true; stale[2] = true; stale[3] = true; stale[4] = true; stale[5] = true; stale[6] = true
}

inline CALM() {
#if BROKEN == 1
    d_step { told = false; MAKE_STALE() }
    d_step { readable = false; set_again = false }
#elif BROKEN == 6
    set_again = false;
    d_step { told = false; MAKE_STALE() }
#else
    d_step { readable = false; set_again = false } /* step: unset_descriptor */
    d_step { told = false; MAKE_STALE() }       /* step: note_calm */
#endif
#if BROKEN != 2
    WORTH();
    if
    :: yes -> yes = false; TELL()
    :: else
    fi
#endif
}

inline OPEN() {
    d_step { users == 0 -> users = CLAIMED }
    open = true;
    users = 1;
    watched = true;
#if BROKEN != 10
    CALM()
#endif
}

inline CLOSE() {
    watched = false;
#if BROKEN == 8
    d_step { open = false; readable = false; users = 0 }
#else
    LEAVE()
#endif
}

/* Receives until there is nothing, and then waits until it is readable. `times`: how often it has a descriptor. */
proctype owner(byte times) {
    byte t, r;
    bool yes, skip_it, last;
    do
    :: times == 0 -> break
    :: else ->
        times--;
        OPEN();
end_polling:
        do
        :: readable ->
            assert(set_again);
            do
            :: atomic { flags == 0 && COUNT > 0 -> taken++ }
            :: flags == 0 && COUNT == 0 -> CALM(); break
            :: flags == 1 -> flags != 1 /* it would look again and again */
            :: flags == 2 -> done = true; break
            od;
            if
            :: done -> break
            :: else
            fi
        :: times > 0 -> break
        od;
        if
        :: times > 0 -> CLOSE()
        :: else -> break
        fi
    od
}

proctype producer(byte puts) ALIVE {
    bool skip_it, last, tells;
    do
    :: puts == 0 || flags != 0 -> break
    :: else ->
#if BROKEN == 9
        SEE_IF_TOLD();
#endif
        d_step { puts--; if :: flags == 0 -> added++ :: else fi; tells = watched }
        if
#if BROKEN == 9
        :: tells -> TELL_UNLESS_TOLD()
#else
        :: tells -> TELL()
#endif
        :: else -> skip
        fi
    od
}

/* Takes what there is, and may put it back. */
proctype taker(byte takes) ALIVE {
    bool skip_it, last;
    do
    :: takes == 0 -> break
    :: d_step { takes > 0 && flags == 0 && COUNT > 0 -> taken++; takes-- }
        if
        :: true
        :: returned++;
#if BROKEN != 4
            TELL_IF_WATCHED()
#endif
        fi
    :: takes > 0 -> takes--
    od
}

proctype clearer() {
    d_step { taken = added + returned }
}

inline CHANGE(set, shut) {
    d_step { flags = set; if :: shut -> taken = added + returned :: else fi }
#if BROKEN != 5
    TELL_IF_WATCHED()
#endif
}

proctype changer() {
    bool skip_it, last;
    if
    :: CHANGE(1, false); CHANGE(0, false)
    :: CHANGE(1, false); CHANGE(2, true)
    :: CHANGE(2, true)
    fi
}

#if SCENE == 3
proctype fate() {
    if
    :: select (frozen : 3 .. LAST)
    :: true
    fi
}
#endif

inline OWNER_DOES_NOT_SLEEP_IN_VAIN() {
    assert(done || readable || flags == 1 || COUNT == 0 && flags == 0)
}

/* When nothing moves any more the owner waits for its descriptor, which is not readable. */
active proctype monitor() {
    bool skip_it, last;
    timeout ->
    if
    :: frozen != 255 ->
        added++;
        TELL_IF_WATCHED();
        timeout -> OWNER_DOES_NOT_SLEEP_IN_VAIN();
        frozen = 255;
        timeout
    :: else
    fi;
    OWNER_DOES_NOT_SLEEP_IN_VAIN();
    assert(users <= 1)
}

init { atomic { RUN } }
