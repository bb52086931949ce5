/* Who reaches whom: core/reach and edge, with references as core/life counts them. Three objects with edges between them;
 * threads that find an object, take what is in it, and keep it, put it back, look at it, or put it into another; and the
 * search, which is at one suspect after the other. It shows: what somebody has, or can come to from what somebody has, is
 * never found to be out of reach; and when all have ended nothing is left. That a trial takes the answer of an earlier one is
 * not modelled.
 * sources: edge.c reach.c
 *
 * BROKEN 1 in scene 1: who finds does not take the lock
 * BROKEN 2 in scene 1: what goes back disturbs nobody
 * BROKEN 3 in scene 2: a trial goes on although an edge that it would have asked is unlinked
 * BROKEN 4 in scene 2: a look that ends disturbs nobody
 * BROKEN 5 in scene 4: nobody is asked again when an edge to it is unlinked
 * BROKEN 6 in scene 1: what is gone is found when its last edge has been unlinked, and it is about to be freed
 */
#if SCENE == 1 /* a circle of two: one takes and keeps, one takes and puts back */
#define EDGES 2
#define SETUP EDGE(0, 0, 1); EDGE(1, 1, 0); suspect[0] = 1
#define RUN run finder(0, KEEP, NONE); run finder(1, BACK, NONE)
#elif SCENE == 2 /* a circle of two: one looks, one takes and keeps */
#define EDGES 2
#define SETUP EDGE(0, 0, 1); EDGE(1, 1, 0); suspect[1] = 1
#define RUN run finder(0, LOOK, NONE); run finder(1, KEEP, NONE)
#elif SCENE == 3 /* a circle and what it holds: one takes that out and puts it into another, one takes and keeps */
#define EDGES 3
#define SETUP EDGE(0, 0, 1); EDGE(1, 1, 0); EDGE(2, 1, 2); suspect[0] = 1
#define RUN run finder(1, MOVE, 2); run finder(2, KEEP, NONE)
#elif SCENE == 4 /* a circle of which somebody has the last root, in a circle that nobody has */
#define EDGES 3
#define SETUP EDGE(0, 0, 1); EDGE(1, 1, 0); EDGE(2, 2, 0); refs[2] = 1; roots[2] = 1; suspect[0] = 1
#define RUN run owner(2); run finder(1, LOOK, NONE)
#endif

#define OBJECTS 3
#define NONE 9

mtype = { KEEP, BACK, LOOK, MOVE };
typedef edge { byte holder, target; bit linked, dropped }; /* ghost: by who frees, or cuts */
edge e[EDGES];
byte refs[OBJECTS], count[OBJECTS];  /* in the code `life` says whether there are edges, too */
bit suspect[OBJECTS], in_set[OBJECTS], gone[OBJECTS], dead[OBJECTS];
byte asks, disturbances;
bit lock, climbing;
byte roots[OBJECTS];                 /* ghost: what threads have */

inline LOCK() { d_step { lock == 0 -> lock = 1 } }

/* Under the lock. */
inline TOUCH(x) {
    if
    :: climbing && in_set[x] -> climbing = 0; suspect[asks] = 1
    :: else
    fi
}

inline UNLOCK() { lock = 0 }

/* Gives back a root. The exchange of `life` either sees that there are no edges, or the lock is taken. */
inline RELEASE(x) {
    d_step { assert(roots[x] > 0); assert(!gone[x]) }
    if
    :: d_step { count[x] == 0 -> roots[x]--; refs[x]--; if :: refs[x] == 0 -> dead[x] = 1 :: else fi }
    :: d_step { count[x] > 0 && lock == 0 -> lock = 1 }
        d_step {
            roots[x]--;
            refs[x]--;                /* step: give_back */
            TOUCH(x);
            if
            :: count[x] == 0 -> if :: refs[x] == 0 -> dead[x] = 1 :: else fi
            :: count[x] > 0 && refs[x] == count[x] && !gone[x] -> suspect[x] = 1
            :: else
            fi;
            UNLOCK()
        }
    fi
}

inline FIND(x) {
    if
    :: d_step { refs[x] == 0 -> got = false }
#if BROKEN == 6
    :: d_step { refs[x] > 0 && count[x] == 0 -> refs[x]++; roots[x]++; got = true }
#else
    :: d_step { refs[x] > 0 && count[x] == 0 && gone[x] -> got = false } /* `life` says so */
    :: d_step { refs[x] > 0 && count[x] == 0 && !gone[x] -> refs[x]++; roots[x]++; got = true } /* step: find */
#endif
#if BROKEN == 1
    :: d_step { refs[x] > 0 && count[x] > 0 ->
        if :: gone[x] -> got = false :: else -> refs[x]++; roots[x]++; got = true fi }
#else
    :: d_step { refs[x] > 0 && count[x] > 0 && lock == 0 -> lock = 1 }
        d_step {
            if
            :: gone[x] || refs[x] == 0 -> got = false
            :: else -> refs[x]++; roots[x]++; got = true; TOUCH(x)
            fi;
            UNLOCK()
        }
#endif
    fi
}

/* An edge that is in hand goes, and gives back its reference. */
inline DROP_EDGE(k) {
    LOCK();
    d_step {
        y = e[k].target;
        e[k].linked = 0;
        count[y]--;                   /* step: unlink_edge */
#if BROKEN != 3
        TOUCH(y);
#endif
        if
        :: count[y] > 0 ->
            refs[y]--;
#if BROKEN != 5
            if :: refs[y] == count[y] && !gone[y] -> suspect[y] = 1 :: else fi;
#endif
            y = NONE
        :: else
        fi;
        UNLOCK()
    }
    if
    :: d_step { y != NONE && count[y] == 0 -> refs[y]--; if :: refs[y] == 0 -> dead[y] = 1 :: else fi; y = NONE }
    :: d_step { y != NONE && count[y] > 0 && lock == 0 -> lock = 1 }
        d_step { refs[y]--; TOUCH(y); if :: refs[y] == count[y] && !gone[y] -> suspect[y] = 1 :: else fi; y = NONE; UNLOCK() }
    :: y == NONE
    fi
}

/* Takes a message out of x, as one who has a root of it. */
inline TAKE(x) {
    d_step {
        k = 0;
        do
        :: k == EDGES -> break
        :: k < EDGES && e[k].linked && e[k].holder == x -> break
        :: else -> k++
        od;
        if
        :: k == EDGES -> k = NONE
        :: else -> t = e[k].target; e[k].holder = NONE /* step: take_up */
        fi
    }
}

inline PEEK(x) {
    d_step {
        k = 0;
        do
        :: k == EDGES -> break
        :: k < EDGES && e[k].linked && e[k].holder == x -> break
        :: else -> k++
        od;
        if
        :: k == EDGES -> k = NONE
        :: else -> t = e[k].target
        fi
    }
}

/* What is in hand is alive. */
inline RETAIN() { d_step { assert(refs[t] > 0 && !gone[t]); refs[t]++; roots[t]++ } }

inline LAY_DOWN(k, x) {
#if BROKEN != 2
    disturbances++;
#endif
    e[k].holder = x                   /* step: lay_down */
}

proctype finder(byte x; mtype way; byte z) {
    byte k = NONE, y = NONE, t = NONE;
    bool got, also;
    FIND(x);
    if
    :: got ->
        if
        :: way == MOVE -> FIND(z); also = got; got = true
        :: else
        fi;
        if
        :: way == LOOK -> PEEK(x)
        :: way == MOVE && !also -> skip
        :: else -> TAKE(x)
        fi;
        if
        :: k == NONE
        :: k != NONE && way == KEEP ->
            RETAIN();
            DROP_EDGE(k)
        :: k != NONE && way == BACK ->
            RETAIN();
            LAY_DOWN(k, x)
        :: k != NONE && way == LOOK ->
            RETAIN()
#if BROKEN != 4
            ;
            disturbances++            /* step: disturb */
#endif
        :: k != NONE && way == MOVE ->
            RETAIN();
            DROP_EDGE(k);
            LOCK();
            d_step {                  /* the root becomes the edge's reference */
                e[k].holder = NONE; e[k].linked = 1; roots[t]--;
                count[t]++;           /* step: link_edge */
                UNLOCK()
            }
            LAY_DOWN(k, z);
            t = NONE
        fi;
        if
        :: also -> RELEASE(z)
        :: else
        fi;
        RELEASE(x);
        if
        :: t != NONE -> RELEASE(t)
        :: else
        fi
    :: else
    fi
}

proctype owner(byte x) {
    RELEASE(x)
}

#define HELD_BY_NONE(k) e[k].linked && e[k].holder != NONE && (dead[e[k].holder] || gone[e[k].holder])

inline REAP(k) {
    d_step { HELD_BY_NONE(k) -> e[k].holder = NONE; e[k].dropped = 1 }
    DROP_EDGE(k)
}

/* What has no reference any more is freed, and gives up what it holds; and so does what nobody reaches. */
active proctype reaper() {
    byte y = NONE;
end:
    do
    :: HELD_BY_NONE(0) -> REAP(0)
    :: HELD_BY_NONE(1) -> REAP(1)
#if EDGES > 2
    :: HELD_BY_NONE(2) -> REAP(2)
#endif
    od
}

/* Ghost: whether somebody has it, or comes to it from what somebody has. */
inline REACHED(x) {
    for (i : 0 .. OBJECTS - 1) { near[i] = roots[i] > 0 }
    for (j : 0 .. OBJECTS) {
        for (i : 0 .. EDGES - 1) {
            if
            :: e[i].linked && !e[i].dropped && e[i].holder == NONE -> near[e[i].target] = 1
            :: e[i].linked && e[i].holder != NONE && near[e[i].holder] -> near[e[i].target] = 1
            :: else
            fi
        }
    }
    yes = near[x]
}

inline VISIT(x) {
    if
    :: in_set[x]
    :: d_step { !in_set[x] && (refs[x] > count[x] || refs[x] == 0) -> climbing = 0 } /* step: visit */
    :: d_step { !in_set[x] && refs[x] <= count[x] && refs[x] > 0 -> in_set[x] = 1 }
    fi
}

/* Each step is under the lock, which is given back in between; what takes no lock comes in the middle of them. */
active proctype search() {
    byte i, j, k, h, seen;
    bool yes;
    bit near[OBJECTS], asked[EDGES];
end:
    do
    :: d_step { (suspect[0] || suspect[1] || suspect[2]) && lock == 0 -> lock = 1 }
        d_step {
            if :: suspect[0] -> asks = 0 :: !suspect[0] && suspect[1] -> asks = 1 :: else -> asks = 2 fi;
            suspect[asks] = 0;
            for (i : 0 .. OBJECTS - 1) { in_set[i] = 0 }
            for (i : 0 .. EDGES - 1) { asked[i] = 0 }
            seen = disturbances;
            climbing = 1
        }
        VISIT(asks);
        UNLOCK();
        do
        :: d_step { lock == 0 -> lock = 1 }
            if
            :: !climbing -> UNLOCK(); break
            :: else
            fi;
            d_step {
                k = 0;
                do
                :: k == EDGES -> break
                :: k < EDGES && e[k].linked && in_set[e[k].target] && !asked[k] -> break
                :: else -> k++
                od
            }
            if
            :: k < EDGES ->
                asked[k] = 1;
                h = e[k].holder;      /* step: look_at_edge */
                if
                :: h == NONE -> climbing = 0
                :: else -> VISIT(h)
                fi;
                h = 0;
                UNLOCK()
            :: else ->
                if
                :: d_step { disturbances == seen ->  /* step: is_closed */
                    for (k : 0 .. OBJECTS - 1) {
                        if
                        :: in_set[k] -> REACHED(k); assert(!yes); gone[k] = 1; suspect[k] = 0
                        :: else
                        fi
                    }
                    i = 0; j = 0; yes = 0; near[0] = 0; near[1] = 0; near[2] = 0 }
                :: d_step { disturbances != seen -> suspect[asks] = 1 }
                fi;
                d_step { climbing = 0; UNLOCK() }
                break
            fi
        od;
        skip;
        d_step { k = 0; h = 0; seen = 0 }
    od
}

#define EDGE(n, from, to) e[n].holder = from; e[n].target = to; e[n].linked = 1; count[to]++; refs[to]++

init {
    atomic {
        SETUP;
        RUN
    }
    timeout;
    assert(refs[0] == 0 && refs[1] == 0 && refs[2] == 0)
}
