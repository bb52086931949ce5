/* A block whose message is looked at by some and taken by another: core/block, and peek and take of core/queue_take.
 * It shows: it is freed once, by whoever is last, and nobody reads it after that; who has taken it and sees no other
 * holder may change its bytes. How messages get in and out of the rings is in queue.pml.
 * sources: block.c block.h queue_take.c
 *
 * BROKEN 1 in scene 1: the holder that counts from 1 frees the block
 * BROKEN 2 in scene 1: who looks counts itself after it has given back the lock
 * BROKEN 3 in scene 1: who has taken it changes the bytes without looking for other holders
 */
#if SCENE == 1 /* two look, one takes */
#define RUN run looker(2); run looker(1); run taker(false)
#elif SCENE == 2 /* what was taken goes back once */
#define RUN run looker(2); run looker(1); run taker(true)
#endif

bit head_lock;
bool queued = true, freed, changing;
byte readers;
int others; /* holders but one */

inline LOCK(word) { d_step { word == 0 -> word = 1 } }

inline LET_GO() {
    if
    :: others == 0 -> last = true         /* step: block_is_shared */
    :: else ->
        d_step { old = others; others-- } /* step: block_let_go */
#if BROKEN == 1
        last = old == 1
#else
        last = old == 0
#endif
    fi;
    if
    :: last -> d_step { assert(!freed && readers == 0); freed = true }
    :: else
    fi
}

proctype looker(byte looks) {
    int old;
    bool last;
    do
    :: looks == 0 -> break
    :: else ->
        looks--;
        LOCK(head_lock);
        if
        :: !queued -> head_lock = 0
        :: else ->
#if BROKEN == 2
            head_lock = 0;
            others++;
#else
            others++;                     /* step: hold_block */
            head_lock = 0;
#endif
            d_step { assert(!freed && !changing); readers++ }
            d_step { assert(!freed && !changing); readers-- }
            LET_GO();
            last = false
        fi
    od
}

proctype taker(bool back) {
    int old;
    bool last;
    do
    :: LOCK(head_lock);
        assert(queued && !freed);
        queued = false;
        head_lock = 0;
        if
        :: back -> LOCK(head_lock); queued = true; head_lock = 0; back = false
        :: else -> break
        fi
    od;
    if
#if BROKEN == 3
    :: true ->
#else
    :: others == 0 ->                     /* step: block_is_shared */
#endif
        d_step { assert(readers == 0); changing = true }
        d_step { assert(readers == 0); changing = false }
    :: else
    fi;
    LET_GO()
}

init {
    atomic { RUN }
    (_nr_pr == 1) -> assert(freed && readers == 0)
}
