/* The userdata by which Lua refers to a buffer or listener, as both the Lua functions and the C
 * APIs see it. Who makes and finalizes it is in src/lua. */
#ifndef MTC_HANDLE_H
#define MTC_HANDLE_H

#include "capi/shim.h"
#include "core/buffer.h"
#include "core/life.h"
#include "core/wire.h"

/* What a userdata owns outside of Lua, on the list of its state. It is not in the userdata's
 * own block: Lua frees that without finalizing it if the call of the finalizer fails. */
struct mtc_asset {
    struct mtc_asset *next, **link;
    const struct mtl_asset_kind *kind;
    unsigned users; /* calls under way that use it, and during which Lua may run */
};

enum mtc_class {
    MTC_BUFFER,
    MTC_LISTENER,
    MTC_WRITER,
    MTC_READER,
    MTC_DRAFT,
    MTC_TOPIC,
    MTC_CLASSES
};

/* A userdata that every function of the module can reach: what is kept for a Lua state. */
struct mtc_state {
    uintptr_t tag; /* as in struct mtc_owned */
    bool closed;   /* finalized: nothing that was made in the state may be used any more */
    int contended; /* receives left to be done without the fast path: others are quicker */
    struct mtm_block *carrier; /* for receiving; NULL while a receive has it */
    struct mtm_block *held;    /* a message that is being made into values, or NULL */
    lua_State *holder;         /* where, and by which call: that may have failed since */
    uintptr_t held_in;
    struct mtc_asset *first;      /* everything that the state's userdata own */
    struct mtc_asset *spare;      /* assets for the next handles, linked by next */
    int spares;                   /* how many there are */
    struct mtm_roots roots;       /* that the handles have */
    struct mtl_decoder *decoding; /* for the protected call that is about to begin, or NULL */
    bool names;          /* a metatable is registered: what is under MTL_NAMES is in use */
    const void *globals; /* where the table of globals is, or was when it was first asked for */
    bool no_functions;   /* functions of Lua are refused */
    bool never_functions;        /* for good */
    struct mtl_pending *pending; /* the same for a receive that a hook watches */
    struct mtl_call *call;       /* of notifiers that is under way, or NULL */
    struct mtl_will *wills;      /* in the order in which they were made */
    uint64_t last_will;          /* the number of the latest one */
    unsigned wills_begun;        /* calls that make one; who raises an error stays counted */
    const void *watchman;        /* the userdata that looks after them; NULL: there are none */
};

/* How all our userdata begin. */
struct mtc_owned {
    /* mtc_tag of its class: it is complete, of that class, and of this copy of the module. */
    uintptr_t tag;
    struct mtc_state *state;
    struct mtc_asset *asset; /* NULL: finalized, or not made yet */
};

/* Its address is that of no other copy of the module in the process. */
extern const char mtc_copy;

/* Numbers that no userdata contains by chance. */
#define MTC_BUFFER_MAGIC ((uintptr_t)0x6D746D2D62756666u)
#define MTC_LISTENER_MAGIC ((uintptr_t)0x6D746D2D6C697374u)
#define MTC_WRITER_MAGIC ((uintptr_t)0x6D746D2D77726974u)
#define MTC_READER_MAGIC ((uintptr_t)0x6D746D2D72656164u)
#define MTC_DRAFT_MAGIC ((uintptr_t)0x6D746D2D64726166u)
#define MTC_TOPIC_MAGIC ((uintptr_t)0x6D746D2D746F7069u)
#define MTC_STATE_MAGIC ((uintptr_t)0x6D746D2D73746174u)

/* What a userdata of ours begins with: its own address and the copy's, mixed with its class's
 * number. Copies of the module share neither layouts nor metatables, so none takes another's
 * objects for its own. */
static inline uintptr_t mtc_tag(const void *block, uintptr_t magic)
{
    return (uintptr_t)block ^ ((uintptr_t)&mtc_copy ^ magic);
}

struct mtc_handle {
    struct mtc_owned owned;
    struct mtm_object *object; /* the asset has the reference; NULL: as above, or released */
    bool nonblock;
    bool timed; /* it has a timeout for calls that are given none: mtl_timeout_of */
};

/* What is at that index if it is a userdata of that size and class, else NULL. Much cheaper
 * than comparing metatables; another module's userdata of the same size would have to contain
 * its own address, mixed. */
static inline void *mtc_to_owned(lua_State *L, int index, size_t size, uintptr_t magic)
{
    struct mtc_owned *owned = lua_touserdata(L, index);
    if (!owned || mtc_rawlen(L, index) != size) return NULL;
    return owned->tag == mtc_tag(owned, magic) ? owned : NULL;
}

static inline struct mtc_handle *mtc_to_handle(lua_State *L, int index, uintptr_t magic)
{
    return mtc_to_owned(L, index, sizeof(struct mtc_handle), magic);
}

/* Whether the handle has an object that may be used. */
static inline bool mtc_handle_is_live(const struct mtc_handle *handle)
{
    return handle->object && !handle->owned.state->closed;
}

/* Whether Lua can certainly make the value without memory. */
static inline bool mtc_is_plain_word(struct mtm_word word)
{
    return word.tag != MTM_TAG_INTEGER || !mtc_may_be_wide((int64_t)word.bits);
}

/* The question for the core to ask about words; nothing is asked where all of them are plain.
 */
#define MTC_PLAIN_WORD (MTC_MAY_BE_LUAJIT ? mtc_is_plain_word : NULL)

/* The live buffer at that index, or NULL. */
static inline struct mtm_buffer *mtc_to_buffer(lua_State *L, int index)
{
    struct mtc_handle *handle = mtc_to_handle(L, index, MTC_BUFFER_MAGIC);
    return handle && mtc_handle_is_live(handle) ? (struct mtm_buffer *)handle->object : NULL;
}

/* What takes messages: the live buffer or topic at that index, or NULL. */
static inline struct mtm_object *mtc_to_taker(lua_State *L, int index)
{
    struct mtc_handle *handle = mtc_to_handle(L, index, MTC_BUFFER_MAGIC);
    if (!handle) handle = mtc_to_handle(L, index, MTC_TOPIC_MAGIC);
    return handle && mtc_handle_is_live(handle) ? handle->object : NULL;
}

#endif
