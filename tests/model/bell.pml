/* A buffer that is a notifier of callers who must not wait: core/bell, and what core/queue and core/queue_take do with
 * knocks. Rings are a row of records here, each with the mark in front of it; what a ring is, is in queue.pml, and how a
 * listener finds a bell, in listener.pml. It shows: each knock is taken once; it comes after everything that was put
 * before it, and before everything that is put after it has returned; msgcnt is exact; a notifier that is read without
 * the locks is alive, and one that was disconnected is freed in the end.
 * sources: bell.c buffer_notifier.c knocks.h queue.c queue.h queue_take.c
 *
 * BROKEN 1 in scene 1: a take that finds a knock does not look at the rings again
 * BROKEN 2 in scene 1: a put does not look for knocks after it has cleared the bit
 * BROKEN 3 in scene 1: the bit is set before the knock counts
 * BROKEN 4 in scene 2: msgcnt does not look at the knocks again
 * BROKEN 5 in scene 3: what was disconnected is released if nobody visited before it was taken from the stack
 * BROKEN 6 in scene 3: what was disconnected is released at once
 * BROKEN 7 in scene 3: who goes back onto the stack is forgotten there
 */
#if SCENE == 1 /* two put, by the fast path too, and knock, and two take */
#define RUN run user(2); run knocker(); run consumer(3); run consumer(1)
#elif SCENE == 2 /* clear and msgcnt */
#define RUN run user(1); run user(1); run consumer(1); run counter(); if :: run clearer() :: true fi
#elif SCENE == 3 /* two visit while the notifier is disconnected, and another one connected and disconnected */
#define RUN refs[1] = 1; slot = 1; run visitor(2); run visitor(1); run plugger()
#endif

#define RECORDS 3
#define KNOCKS 6

bit tail_lock, head_lock;
byte added, popped, taken;
byte mark[RECORDS];          /* in front of each record; 0: none */
byte ever, knocks_taken, marked;
bit told;                    /* the bit of tail.unusual */

/* What the checks need to know. */
byte after_knocks[RECORDS];  /* so many knocks had returned when the put began */
byte after_puts[KNOCKS + 1]; /* so many records had been published when this knock was counted */
byte returned_knocks;
bool counting;
byte least, most;

#define COUNT (added - taken + ever - knocks_taken)

inline LOCK(word) { d_step { word == 0 -> word = 1 } }

/* In the same step as what changes the count. */
inline CHANGED() {
    if
    :: counting && COUNT < least -> least = COUNT
    :: counting && COUNT > most -> most = COUNT
    :: else
    fi
}

/* ---- knocking and putting ---- */

inline KNOCK() {
#if BROKEN == 3
    told = 1;
#endif
    d_step { after_puts[ever] = added; ever++; me = ever; CHANGED() } /* step: knock */
#if BROKEN != 3
    told = 1;                             /* step: tell_of_the_knock */
#endif
    d_step {
        if
        :: me > returned_knocks -> returned_knocks = me
        :: else
        fi;
        me = 0
    }
}

inline PUT() {
    n = returned_knocks;
    LOCK(tail_lock);
    if
    :: !told -> d_step { after_knocks[added] = n; added++; CHANGED(); tail_lock = 0 } /* the fast path, too */
    :: else ->
        k = ever;                         /* step: knocks_come */
        if
        :: k != marked && k != knocks_taken -> mark[added] = k
        :: else
        fi;
        d_step { after_knocks[added] = n; added++; CHANGED() }
        marked = k;
        told = 0;                         /* step: clear_the_bit */
#if BROKEN != 2
        if
        :: ever != k -> told = 1
        :: else
        fi;
#endif
        tail_lock = 0
    fi;
    n = 0;
    k = 0
}

proctype user(byte times) {
    byte n, k, me;
    do
    :: times == 0 -> break
    :: else -> times--; PUT(); KNOCK()
    od
}

proctype knocker() {
    byte n, k, me;
    KNOCK();
    PUT()
}

/* ---- taking ---- */

inline TAKE_KNOCK() {
    d_step {
        assert(after_puts[knocks_taken] <= popped);
        knocks_taken++;                   /* step: take_knock */
        CHANGED()
    }
}

inline TAKE() {
    LOCK(head_lock);
    a = added;
    if
    :: popped == a ->
        k = ever;
        if
        :: k == knocks_taken
        :: else ->
#if BROKEN != 1
            a = added;
#endif
            if
            :: popped == a -> TAKE_KNOCK()
            :: else
            fi
        fi
    :: else
    fi;
    if
    :: popped != a ->
        if
        :: mark[popped] > knocks_taken -> TAKE_KNOCK()
        :: else ->
            mark[popped] = 0;             /* step: pass_the_mark */
            d_step {
                assert(knocks_taken >= after_knocks[popped]);
                popped++;
                taken++;
                CHANGED()
            }
        fi
    :: else
    fi;
    atomic { a = 0; k = 0; head_lock = 0 }
}

proctype consumer(byte times) {
    byte a, k;
    do
    :: times == 0 -> break
    :: else -> times--; TAKE()
    od
}

proctype clearer() {
    byte k;
    LOCK(tail_lock);
    LOCK(head_lock);
    k = ever;
    marked = k;
    d_step { knocks_taken = k; CHANGED() } /* step: drop_knocks */
    d_step { popped = added; taken = added; CHANGED() }
    head_lock = 0;
    tail_lock = 0
}

/* msgcnt: what it says was true at some moment of the call, since the count goes by ones. */
proctype counter() {
    byte t, k, a, e;
    d_step { counting = true; least = COUNT; most = COUNT }
    k = knocks_taken;                     /* step: count_once_knocks */
    e = ever - k;
    t = taken;
    a = added;
    if
#if BROKEN == 4
    :: true ->
#else
    :: k == knocks_taken && e == ever - k && taken == t ->
#endif
        assert(a - t + e >= least && a - t + e <= most)
    :: else
    fi;
    counting = false
}

/* ---- the bell's own notifier ---- */

byte slot;          /* 1 or 2; 0: none is connected */
byte refs[3];
bit freed[3];
byte visitors;
byte unplugged;     /* a set */

inline RELEASE(x) {
    d_step {
        assert(refs[x] > 0 && !freed[x]);
        refs[x]--;
        if
        :: refs[x] == 0 -> freed[x] = 1
        :: else
        fi
    }
}

inline RELEASE_ALL(set) {
    if
    :: set & 1 -> RELEASE(1)
    :: else
    fi;
    if
    :: set & 2 -> RELEASE(2)
    :: else
    fi
}

inline RELEASE_UNPLUGGED() {
    do
    :: visitors != 0 -> break
    :: visitors == 0 ->
        if
        :: unplugged == 0 -> break
        :: else
        fi;
#if BROKEN == 5
        idle = visitors == 0;
        d_step { list = unplugged; unplugged = 0 }
#else
        d_step { list = unplugged; unplugged = 0 } /* step: take_unplugged */
        idle = visitors == 0;             /* step: nobody_visits */
#endif
        if
        :: idle -> RELEASE_ALL(list)
        :: else -> unplugged = unplugged | list /* step: push_unplugged */
#if BROKEN == 7
            ; break
#endif
        fi
    od;
    atomic { list = 0; idle = false }
}

proctype visitor(byte times) {
    byte x, list;
    bool idle;
    do
    :: times == 0 -> break
    :: else ->
        times--;
        visitors++;                       /* step: visit */
        x = slot;                         /* step: read_the_notifier */
        if
        :: x != 0 -> d_step { assert(!freed[x]); refs[x]++ }
        :: else
        fi;
        visitors--;                       /* step: end_the_visit */
        RELEASE_UNPLUGGED();
        if
        :: x != 0 -> RELEASE(x)           /* it has been called */
        :: else
        fi
    od
}

inline UNPLUG(x) {
    slot = 0;                             /* step: plug */
#if BROKEN == 6
    RELEASE(x)
#else
    unplugged = unplugged | x;
    RELEASE_UNPLUGGED()
#endif
}

proctype plugger() {
    byte list;
    bool idle;
    UNPLUG(1);
    d_step { refs[2] = 1; slot = 2 }
    UNPLUG(2)
}

/* When nothing moves any more: what was put and not taken is there, and what is not connected is freed. */
active proctype monitor() {
    timeout ->
    assert(!tail_lock && !head_lock && popped == taken && visitors == 0);
#if SCENE == 3
    assert(unplugged == 0 && slot == 0 && freed[1] && freed[2])
#endif
}

init { atomic { RUN } }
