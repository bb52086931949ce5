/* The memory of a message that is being written. It owns the bytes, the levels and the table of
 * what was met, and keeps them for the next message of the state. */
#include "lua/draft.h"

#include <string.h>

#include "core/alloc.h"
#include "core/cargo.h"
#include "lua/classes.h"
#include "lua/errors.h"

#include "platform/hidden.h"

enum { FIRST_BYTES = 1024, FIRST_METS = 64, FIRST_LEVELS = 16, KEEP_BYTES = 64 * 1024 };

static void fini_draft(struct mtc_state *state, struct mtc_asset *asset)
{
    (void)state;
    struct mtl_draft *draft = (struct mtl_draft *)asset;
    mtm_cargo_drop(draft->cargo);
    mtm_block_free(draft->block);
    mtm_free(draft->level);
    mtm_free(draft->met);
}

/* Like a finalizer, an error may have come in between: what is busy is left to its user, which
 * has it on its stack, or to the collector. */
static struct mtl_draft *draft_new(lua_State *L, struct mtc_state *state)
{
    static const struct mtl_asset_kind kind = {sizeof(struct mtl_draft), fini_draft, false};
    static const struct mtl_class_info info = {MTC_DRAFT, MTC_DRAFT_MAGIC, &kind};
    struct mtc_owned *owned = mtl_owned_new(L, state, &info, 0);
    struct mtl_draft *draft = (struct mtl_draft *)owned->asset;
    draft->state = state;
    lua_pushvalue(L, -1);
    mtl_keep(L, state, MTL_DRAFT);
    return draft;
}

struct mtl_draft *mtl_draft_take(lua_State *L, struct mtc_state *state)
{
    mtl_push_kept(L, state, MTL_DRAFT);
    struct mtc_owned *owned = lua_touserdata(L, -1);
    const bool there = owned && mtl_owned_is_there(owned);
    struct mtl_draft *draft = there ? (struct mtl_draft *)owned->asset : NULL;
    if (MTM_UNLIKELY(!draft || draft->asset.users > 0)) {
        lua_pop(L, 1);
        draft = draft_new(L, state);
    }
    draft->asset.users = 1;
    mtl_draft_clear(draft);
    return draft;
}

void mtl_draft_clear(struct mtl_draft *draft)
{
    if (++draft->message == 0) { /* after 2^32 messages */
        if (draft->met) memset(draft->met, 0, draft->mets * sizeof *draft->met);
        draft->message = 1;
    }
    draft->objects = draft->keys = draft->early = 0;
    mtm_cargo_drop(draft->cargo);
    draft->cargo = NULL;
    draft->depth = draft->met_count = 0;
    draft->latest = NULL;
    draft->at = draft->block ? mtl_draft_bytes(draft) : NULL;
}

void mtl_draft_give(struct mtl_draft *draft)
{
    mtm_cargo_drop(draft->cargo);
    draft->cargo = NULL;
    if (draft->block && draft->block->cap > KEEP_BYTES) {
        mtm_block_free(draft->block);
        draft->block = NULL;
        draft->at = draft->end = NULL;
    }
    if (draft->mets * sizeof *draft->met > KEEP_BYTES) {
        mtm_free(draft->met);
        draft->met = NULL;
        draft->mets = 0;
    }
    if (draft->levels * sizeof *draft->level > KEEP_BYTES) {
        mtm_free(draft->level);
        draft->level = NULL;
        draft->levels = 0;
    }
    mtl_asset_unuse(draft->state, &draft->asset);
}

bool mtl_draft_grow(struct mtl_draft *draft, size_t bytes)
{
    const size_t overhead = sizeof(struct mtm_block) + MTM_BLOCK_SKEW;
    size_t size = draft->block ? mtl_draft_size(draft) : 0;
    size_t cap = draft->block ? draft->block->cap : FIRST_BYTES / 2;
    if (bytes > SIZE_MAX / 4 - size) return false;
    cap = cap < SIZE_MAX / 4 && 2 * cap >= size + bytes ? 2 * cap : size + bytes;
    struct mtm_block *block = mtm_resize(draft->block, overhead + cap);
    if (!block) return false;
    if (!draft->block) *block = (struct mtm_block){0};
    block->cap = cap;
    draft->block = block;
    draft->at = mtl_draft_bytes(draft) + size;
    draft->end = mtl_draft_bytes(draft) + cap;
    return true;
}

bool mtl_draft_grow_levels(struct mtl_draft *draft)
{
    size_t count = draft->levels ? 2 * draft->levels : FIRST_LEVELS;
    if (count > SIZE_MAX / sizeof *draft->level) return false;
    struct mtl_level *level = mtm_resize(draft->level, count * sizeof *level);
    if (!level) return false;
    draft->level = level;
    draft->levels = count;
    return true;
}

static struct mtl_met *find(const struct mtl_draft *draft, const void *what)
{
    size_t mask = draft->mets - 1;
    size_t i = (size_t)(((uintptr_t)what >> 4) * (uintptr_t)0x9E3779B1u >> 7) & mask;
    while (draft->met[i].message == draft->message && draft->met[i].what != what) {
        i = (i + 1) & mask;
    }
    return &draft->met[i];
}

static bool grow_met(struct mtl_draft *draft)
{
    struct mtl_met *old = draft->met;
    size_t old_count = draft->mets, count = old ? 2 * old_count : FIRST_METS;
    if (count > SIZE_MAX / sizeof *old) return false;
    struct mtl_met *met = mtm_alloc(count * sizeof *met);
    if (!met) return false;
    memset(met, 0, count * sizeof *met);
    draft->met = met;
    draft->mets = count;
    draft->latest = NULL;
    for (size_t i = 0; old && i < old_count; ++i) {
        if (old[i].message == draft->message) *find(draft, old[i].what) = old[i];
    }
    mtm_free(old);
    return true;
}

struct mtl_met *mtl_draft_meet(struct mtl_draft *draft, const void *what, bool *known)
{
    if (MTM_UNLIKELY(draft->met_count >= draft->mets / 2) && !grow_met(draft)) return NULL;
    struct mtl_met *met = find(draft, what);
    *known = met->message == draft->message;
    if (*known) return met;
    *met = (struct mtl_met){.what = what, .message = draft->message};
    ++draft->met_count;
    return met;
}

static int draft_tostring(lua_State *L)
{
    lua_pushliteral(L, "mtmsg.draft");
    return 1;
}

void mtl_open_draft(lua_State *L)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    mtl_class_new(L, MTC_DRAFT, none, draft_tostring, mtl_owned_gc);
    lua_pop(L, 2);
}
