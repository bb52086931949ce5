/* Who reaches whom: core/reach, with references and roots as core/life counts them. Three objects, with edges between
 * them; threads that find an object, move what is in it, and give it back; and the search, which starts with object 0.
 * It shows: what somebody has, or can come to from what somebody has, gives up nothing; what is gone is never found;
 * and what is left when all have ended can be reached, or has been asked about again.
 *
 * BROKEN 1 in scene 1: nobody looks a second time
 * BROKEN 2 in scene 2: the second look does not ask whether something has happened since the first
 * BROKEN 3 in scene 2: who finds what is doomed does not save it
 * BROKEN 4 in scene 1: a new search begins while somebody is about to save what the last one doomed
 */
#if SCENE == 1 /* a circle of two, and one that both hold; two who find */
#define EDGES 3
#define SETUP EDGE(0, 0, 1); EDGE(1, 1, 0); EDGE(2, 0, 2)
#define RUN run finder(0, 1); run finder(1, 2)
#elif SCENE == 2 /* a circle of three; one finds and takes, one finds and drops */
#define EDGES 3
#define SETUP EDGE(0, 0, 1); EDGE(1, 1, 2); EDGE(2, 2, 0)
#define RUN run finder(0, 1); run finder(2, 2)
#elif SCENE == 3 /* a chain in a circle: what is taken out of one is put into another */
#define EDGES 3
#define SETUP EDGE(0, 0, 1); EDGE(1, 1, 0); EDGE(2, 1, 2)
#define RUN run finder(1, 1); run mover(1, 0)
#endif

#define OBJECTS 3
#define NONE 255

typedef edge { byte holder, target; bit linked };
typedef object {
    byte refs, count;          /* `life` is one word: refs and the three bits */
    bit touched, doomed, cut, gone;
};
edge e[EDGES];
object o[OBJECTS];
bit registry_lock;
byte verdict;                  /* 0 undecided, 1 rescued, 2 gone */
bit again;                     /* the candidate is to be asked about once more */
byte roots[OBJECTS];           /* ghost: what threads have */

/* Ghost: whether somebody has it, or comes to it from what somebody has. */
inline REACHED(x) {
    d_step {
        reach[0] = roots[0] > 0; reach[1] = roots[1] > 0; reach[2] = roots[2] > 0;
        i = 0;
        do
        :: i == EDGES * 3 -> break
        :: else ->
            j = i % EDGES;
            if
            :: e[j].linked && (e[j].holder == NONE || reach[e[j].holder]) -> reach[e[j].target] = 1
            :: else
            fi;
            i++
        od;
        yes = reach[x];
        i = 0; j = 0; reach[0] = 0; reach[1] = 0; reach[2] = 0
    }
}

/* A root more, as the one who finds makes it: refs and the touch in one step. */
inline FIND(x) {
    if
    :: d_step { !o[x].doomed && o[x].refs > 0 -> o[x].refs++; o[x].touched = 1; roots[x]++; got = true } /* step: find */
    :: o[x].refs == 0 -> got = false
    :: d_step { !registry_lock && o[x].doomed && o[x].refs > 0 -> registry_lock = 1 }
#if BROKEN != 3
        if
        :: d_step { verdict == 0 -> verdict = 1 }  /* step: rescue */
        :: verdict == 1
        :: verdict == 2 -> saved = false
        fi;
#endif
        if
        :: saved && o[x].refs > 0 -> d_step { o[x].refs++; o[x].touched = 1; roots[x]++; got = true }
        :: else -> got = false
        fi;
        saved = true;
        registry_lock = 0
    fi
}

/* A reference is given back: with the last one it is gone, and its edges. Without roots it is asked about. */
inline GIVE_BACK(x) {
    d_step {
        assert(o[x].refs > 0);
        o[x].refs--;                      /* step: give_back */
        if
        :: o[x].refs == o[x].count && o[x].refs > 0 -> again = 1
        :: else
        fi
    }
}

/* Takes the first edge out of x, as one who has x: the edge is a root's for a moment, then a reference is made of it. */
inline TAKE(x) {
    d_step {
        k = 0;
        do
        :: k == EDGES || e[k].linked && e[k].holder == x -> break
        :: else -> k++
        od;
        if
        :: k == EDGES -> k = NONE
        :: else -> e[k].holder = NONE     /* step: pass_edge */
        fi
    }
    if
    :: k != NONE -> o[e[k].target].touched = 1 /* step: touch */
    :: else
    fi
}

inline DROP_EDGE() {
    if
    :: k != NONE ->
        d_step {
            y = e[k].target;
            e[k].linked = 0;
            o[y].count--
        }
        GIVE_BACK(y);
        y = NONE;
        k = NONE
    :: else
    fi
}

/* way 1: takes what is in it, and keeps it for a while; 2: takes it and drops it at once */
proctype finder(byte x; byte way) {
    byte k = NONE, y = NONE, kept;
    bool got, saved = true;
    FIND(x);
    if
    :: got ->
        assert(!o[x].cut && !o[x].gone);
        TAKE(x);
        if
        :: k != NONE && way == 1 ->
            y = e[k].target;
            kept = y;
            d_step { o[y].refs++; o[y].touched = 1; roots[y]++ } /* step: retain */
            assert(!o[y].cut && !o[y].gone);
            d_step { roots[x]-- }
            GIVE_BACK(x);
            DROP_EDGE();
            assert(!o[kept].cut && !o[kept].gone);
            d_step { roots[kept]-- }
            GIVE_BACK(kept)
        :: else ->
            DROP_EDGE();
            d_step { roots[x]-- }
            GIVE_BACK(x)
        fi
    :: else
    fi
}

/* Takes what is in x, and puts it into z: has both. */
proctype mover(byte x, z) {
    byte k = NONE;
    bool got, saved = true;
    FIND(x);
    if
    :: got ->
        FIND(z);
        if
        :: got ->
            TAKE(x);
            if
            :: k != NONE ->
                e[k].holder = z;          /* another pass */
                o[e[k].target].touched = 1
            :: else
            fi;
            d_step { roots[z]-- }
            GIVE_BACK(z)
        :: else
        fi;
        d_step { roots[x]-- }
        GIVE_BACK(x)
    :: else
    fi
}

/* The search, all of whose steps are under the reach lock; others come between them. */
active proctype search() {
    byte i, j, k, at, n;
    bool yes, live, ok;
    bit reach[OBJECTS], in_set[OBJECTS];
    do
    :: again && n < 3 ->
        d_step { again = 0; n++; live = false; in_set[0] = 0; in_set[1] = 0; in_set[2] = 0 }
        /* climb, from object 0, or from whichever has no roots */
        if :: at = 0 :: at = 1 :: at = 2 fi;
        if
        :: d_step { o[at].refs == 0 || o[at].refs > o[at].count -> live = true }
        :: d_step { o[at].refs > 0 && o[at].refs == o[at].count -> in_set[at] = 1; o[at].touched = 0 } /* step: first_look */
        fi;
        k = 0;
        do
        :: live || k == EDGES * 3 -> break
        :: else ->
            j = k % EDGES;
            if
            :: e[j].linked && in_set[e[j].target] && e[j].holder == NONE -> live = true /* step: look_at_edge */
            :: e[j].linked && in_set[e[j].target] && e[j].holder != NONE && !in_set[e[j].holder] ->
                i = e[j].holder;
                if
                :: d_step { i != NONE && (o[i].refs == 0 || o[i].refs > o[i].count) -> live = true }
                :: d_step { i != NONE && o[i].refs > 0 && o[i].refs == o[i].count -> in_set[i] = 1; o[i].touched = 0 }
                :: i == NONE -> live = true
                fi;
                i = 0
            :: else
            fi;
            k++
        od;
        k = 0;
        /* the second look */
        ok = !live;
        at = 0;
        do
        :: !ok || at == OBJECTS -> break
        :: else ->
            if
            :: in_set[at] ->
#if BROKEN != 1
                k = 0;
                do
                :: k == EDGES -> break
                :: else ->
                    if
                    :: e[k].linked && e[k].target == at && e[k].holder == NONE -> ok = false /* step: look_at_edge_again */
                    :: else
                    fi;
                    k++
                od;
                k = 0;
                if
#if BROKEN == 2
                :: d_step { true -> o[at].doomed = 1 }
#else
                :: d_step { ok && o[at].refs == o[at].count && !o[at].touched -> o[at].doomed = 1 } /* step: second_look */
                :: else -> ok = false
#endif
                fi
#else
                o[at].doomed = 1
#endif
            :: else
            fi;
            at++
        od;
        if
        :: ok ->
            if
            :: d_step { verdict == 0 -> verdict = 2 } /* step: commit */
            :: verdict == 1 -> ok = false
            fi
        :: else
        fi;
        at = 0;
        do
        :: at == OBJECTS -> break
        :: else ->
            if
            :: in_set[at] && ok ->
                REACHED(at);
                assert(!yes);             /* nobody comes to what is cut */
                d_step {
                    o[at].cut = 1; o[at].gone = 1;
                    k = 0;
                    do
                    :: k == EDGES -> break
                    :: else ->
                        if
                        :: e[k].linked && e[k].holder == at ->
                            e[k].linked = 0;
                            o[e[k].target].count--;
                            o[e[k].target].refs--
                        :: else
                        fi;
                        k++
                    od;
                    k = 0
                }
            :: in_set[at] && !ok -> o[at].doomed = 0
            :: else
            fi;
            at++
        od;
        skip;
#if BROKEN == 4
        d_step { at = 0; verdict = 0; again = 1 }
#else
        d_step { !registry_lock -> at = 0; verdict = 0; if :: !ok && !live -> again = 1 :: else fi }
#endif
    :: else -> if :: timeout -> break :: again && n < 3 fi
    od
}

#define EDGE(n, from, to) e[n].holder = from; e[n].target = to; e[n].linked = 1; o[to].count++; o[to].refs++

init {
    atomic {
        SETUP;
        again = 1;
        RUN
    }
}
