/* Going through messages, level by level and never by recursion: each step is checked against
 * the end of the message. It owns its arrays alone. */
#include "core/walk.h"

#include "core/alloc.h"
#include "core/few.h"

#include "platform/hidden.h"

/* A fixed reader has its room at once. */
static enum mtm_status make_room(struct mtm_walk *walk)
{
    walk->levels = MTM_WALK_LEVELS + 1;
    walk->kept_room = MTM_WALK_KEYS;
    walk->level = mtm_alloc(walk->levels * sizeof *walk->level);
    walk->kept = mtm_alloc(walk->kept_room * sizeof *walk->kept);
    return walk->level && walk->kept ? MTM_OK : MTM_NOMEM;
}

enum mtm_status mtm_walk_init(struct mtm_walk *walk, struct mtm_reader *reader)
{
    *walk = (struct mtm_walk){.reader = reader,
                              .message = reader->message,
                              .levels = MTM_WALK_FEW,
                              .kept_room = MTM_WALK_FEW};
    walk->level = walk->first_level;
    walk->kept = walk->first_kept;
    walk->visit.tag = MTM_TAG_END;
    return reader->fixed ? make_room(walk) : MTM_OK;
}

void mtm_walk_fini(struct mtm_walk *walk)
{
    mtm_few_free(walk->level, walk->first_level);
    mtm_few_free(walk->kept, walk->first_kept);
}

/* ---- places ---- */

struct mtm_walk_place mtm_walk_where(const struct mtm_walk *walk)
{
    struct mtm_walk_place place = {.at = walk->reader->at,
                                   .depth = walk->depth,
                                   .objects = walk->objects,
                                   .items = walk->reader->items,
                                   .keys = walk->keys};
    if (walk->depth > 0) place.level = walk->level[walk->depth - 1];
    return place;
}

void mtm_walk_to(struct mtm_walk *walk, const struct mtm_walk_place *place)
{
    walk->reader->at = place->at;
    walk->reader->items = place->items;
    walk->depth = place->depth;
    walk->objects = place->objects;
    walk->keys = place->keys;
    if (place->depth > 0) walk->level[place->depth - 1] = place->level;
}

void mtm_walk_return(struct mtm_walk *walk)
{
    mtm_walk_to(walk, &walk->last);
}

/* ---- keys ---- */

/* That one of the different keys if it comes again, or NULL. */
static const struct mtm_walk_key *find_kept(const struct mtm_walk *walk, uint32_t nth_key)
{
    size_t low = 0, high = walk->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (walk->kept[middle].nth_key < nth_key) low = middle + 1;
        else high = middle;
    }
    return low < walk->kept_count && walk->kept[low].nth_key == nth_key ? &walk->kept[low]
                                                                        : NULL;
}

static bool recall(const struct mtm_walk *walk, uint32_t back, struct mtm_walk_string *out)
{
    struct mtm_value value;
    if (back == 0 || back > walk->keys) return false;
    out->nth_key = walk->keys - back;
    const struct mtm_walk_key *key = find_kept(walk, out->nth_key);
    if (!key) return false;
    const unsigned char *at = key->at;
    if (mtm_wire_read(&at, walk->reader->end, &value) != MTM_TAG_KEY) return false;
    out->ptr = value.string.ptr;
    out->len = value.string.len;
    out->again = out->kept = true;
    return true;
}

/* The value has been read, and stands in the place of a key. */
static bool as_string(struct mtm_walk *walk, const struct mtm_value *value,
                      struct mtm_walk_string *out)
{
    if (value->tag == MTM_TAG_KEY_AGAIN) return recall(walk, value->reference.back, out);
    out->ptr = value->string.ptr;
    out->len = value->string.len;
    out->again = false;
    out->kept = value->tag == MTM_TAG_KEY;
    out->nth_key = mtm_wire_is_key(out->len) ? walk->keys++ : 0;
    return true;
}

static bool is_string(enum mtm_tag tag)
{
    return tag == MTM_TAG_SHORT || tag == MTM_TAG_STRING || tag == MTM_TAG_KEY ||
           tag == MTM_TAG_KEY_AGAIN;
}

static bool read_string(struct mtm_walk *walk, struct mtm_walk_string *out)
{
    struct mtm_value value;
    return is_string(mtm_reader_next(walk->reader, &value)) && as_string(walk, &value, out);
}

/* ---- steps ---- */

static bool in_key_place(const struct mtm_walk *walk)
{
    if (walk->depth == 0) return false;
    const struct mtm_walk_level *level = &walk->level[walk->depth - 1];
    return level->sequence == 0 && level->pairs % 2 == 0;
}

static void count_down(struct mtm_walk *walk)
{
    if (walk->depth == 0) return;
    struct mtm_walk_level *level = &walk->level[walk->depth - 1];
    if (level->sequence > 0) --level->sequence;
    else --level->pairs;
}

/* The levels that a message has are there since it was looked through. */
static bool descend(struct mtm_walk *walk, struct mtm_visit *visit, struct mtm_walk_level level)
{
    visit->number = ++walk->objects;
    if (walk->depth == walk->levels) return false;
    walk->level[walk->depth++] = level;
    return true;
}

static bool enter_table(struct mtm_walk *walk, struct mtm_visit *visit)
{
    const struct mtm_value *value = &visit->value;
    const struct mtm_walk_level level = {.pairs = (uint64_t)2 * value->table.pairs,
                                         .sequence = value->table.array};
    visit->tag = value->tag;
    return descend(walk, visit, level);
}

static bool refer(const struct mtm_walk *walk, struct mtm_visit *visit)
{
    const uint32_t back = visit->value.reference.back;
    if (back == 0 || back > walk->objects) return false;
    visit->number = walk->objects - back + 1;
    return true;
}

static bool read_module(struct mtm_walk *walk, struct mtm_visit *visit)
{
    struct mtm_reader *reader = walk->reader;
    if (!read_string(walk, &visit->name)) return false;
    if (reader->at != reader->end && *reader->at == MTM_TAG_NIL) {
        ++reader->at;
        return true;
    }
    return read_string(walk, &visit->field);
}

/* The value has been read: what is more to it. False: the bytes are damaged. */
static bool complete(struct mtm_walk *walk, struct mtm_visit *visit)
{
    struct mtm_value *value = &visit->value;
    switch (value->tag) {
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
            if (!visit->is_key || !as_string(walk, value, &visit->name)) return false;
            value->tag = MTM_TAG_SHORT;
            value->string.ptr = visit->name.ptr;
            value->string.len = visit->name.len;
            break;
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
            if (visit->is_key) as_string(walk, value, &visit->name);
            break;
        case MTM_TAG_NAMED:
            if (!read_string(walk, &visit->name)) return false;
            mtm_reader_next(walk->reader, value);
            if (value->tag != MTM_TAG_TABLE && value->tag != MTM_TAG_SHARED) return false;
            return enter_table(walk, visit);
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED: return enter_table(walk, visit);
        case MTM_TAG_CODE:
            visit->tag = value->tag;
            return descend(walk, visit,
                           (struct mtm_walk_level){.sequence = value->code.upvalues});
        case MTM_TAG_REFERENCE:
        case MTM_TAG_UPVALUE:
            if (!refer(walk, visit)) return false;
            break;
        case MTM_TAG_MODULE:
            if (!read_module(walk, visit)) return false;
            break;
        case MTM_TAG_OBJECT: visit->number = ++walk->objects; break;
        case MTM_TAG_END: return false;
        case MTM_TAG_NIL:
        case MTM_TAG_BOOLEAN:
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER:
        case MTM_TAG_NUMBER:
        case MTM_TAG_POINTER:
        case MTM_TAG_FUNCTION:
        case MTM_TAG_ARRAY:
        case MTM_TAG_GLOBALS: break;
    }
    visit->tag = value->tag;
    return true;
}

/* But for the value, which is read. */
static void begin_visit(struct mtm_visit *visit)
{
    visit->tag = MTM_TAG_END;
    visit->ends_table = visit->is_key = false;
    visit->number = 0;
    visit->name = visit->field = (struct mtm_walk_string){0};
}

/* The end of the message, or of what can be understood of it. */
static void stop(struct mtm_walk *walk, struct mtm_visit *visit)
{
    walk->depth = 0;
    walk->reader->at = walk->reader->end;
    begin_visit(visit);
}

void mtm_walk_step(struct mtm_walk *walk, struct mtm_visit *visit)
{
    begin_visit(visit);
    visit->is_key = in_key_place(walk);
    if (walk->depth > 0) {
        const struct mtm_walk_level *level = &walk->level[walk->depth - 1];
        if (level->sequence == 0 && level->pairs == 0) {
            --walk->depth;
            visit->ends_table = true;
            visit->is_key = false;
            return;
        }
    }
    count_down(walk);
    mtm_reader_next(walk->reader, &visit->value);
    if (!complete(walk, visit)) stop(walk, visit);
}

/* ---- looking through ---- */

struct survey {
    struct mtm_walk *walk;
    size_t moves; /* arrays that will have to be moved */
};

static enum mtm_status more_kept(struct mtm_walk *walk)
{
    if (walk->reader->fixed) return MTM_TOO_LARGE;
    struct mtm_walk_key *kept =
        mtm_few_grow(walk->kept, walk->first_kept, &walk->kept_room, sizeof *kept);
    if (kept) walk->kept = kept;
    return kept ? MTM_OK : MTM_NOMEM;
}

static enum mtm_status more_levels(struct mtm_walk *walk)
{
    if (walk->reader->fixed) return MTM_TOO_LARGE;
    struct mtm_walk_level *level =
        mtm_few_grow(walk->level, walk->first_level, &walk->levels, sizeof *level);
    if (level) walk->level = level;
    return level ? MTM_OK : MTM_NOMEM;
}

static enum mtm_status note_key(struct mtm_walk *walk, const struct mtm_walk_string *key)
{
    if (!key->ptr || !key->kept || key->again) return MTM_OK;
    enum mtm_status status = walk->kept_count < walk->kept_room ? MTM_OK : more_kept(walk);
    if (status != MTM_OK) return status;
    const unsigned char *tag = key->ptr - 2; /* in front of it, and of its length */
    walk->kept[walk->kept_count++] = (struct mtm_walk_key){key->nth_key, tag};
    return MTM_OK;
}

static enum mtm_status look(struct survey *survey, const struct mtm_visit *visit)
{
    struct mtm_walk *walk = survey->walk;
    if (visit->tag == MTM_TAG_ARRAY) ++survey->moves;
    enum mtm_status status = note_key(walk, &visit->name);
    if (status == MTM_OK) status = note_key(walk, &visit->field);
    return status == MTM_OK && walk->depth == walk->levels ? more_levels(walk) : status;
}

void mtm_walk_again(struct mtm_walk *walk)
{
    walk->message = walk->reader->message;
    walk->objects = walk->keys = 0;
    walk->depth = 0;
    begin_visit(&walk->visit);
}

/* Nothing but plain values, as most messages: there is nothing to know beforehand. */
static bool is_plain(const struct mtm_reader *reader)
{
    const unsigned char *at = reader->at;
    struct mtm_value value;
    while (at != reader->end) {
        if (mtm_wire_read(&at, reader->end, &value) > MTM_TAG_FUNCTION) return false;
    }
    return true;
}

static enum mtm_status look_through(struct mtm_walk *walk)
{
    struct survey survey = {.walk = walk};
    struct mtm_reader *reader = walk->reader;
    const unsigned char *begin = reader->at;
    const size_t items = reader->items;
    enum mtm_status status = MTM_OK;
    do {
        mtm_walk_step(walk, &walk->visit);
        status = look(&survey, &walk->visit);
    } while (status == MTM_OK && (walk->visit.tag != MTM_TAG_END || walk->visit.ends_table));
    if (status == MTM_OK && (reader->lease || !reader->fixed) &&
        !mtm_reader_reserve_moves(reader, survey.moves)) {
        status = MTM_NOMEM;
    }
    reader->at = begin;
    reader->items = items;
    mtm_walk_again(walk);
    return status;
}

enum mtm_status mtm_walk_begin(struct mtm_walk *walk)
{
    const bool was_plain = walk->plain;
    walk->whole = mtm_reader_is_at_begin(walk->reader);
    walk->plain = is_plain(walk->reader);
    if (MTM_LIKELY(walk->plain && was_plain)) { /* nothing else has changed */
        walk->message = walk->reader->message;
        walk->visit.tag = MTM_TAG_END;
        return MTM_OK;
    }
    mtm_walk_again(walk);
    walk->kept_count = 0;
    if (!walk->plain) return look_through(walk);
    walk->last = mtm_walk_where(walk);
    return MTM_OK;
}

const struct mtm_visit *mtm_walk_next(struct mtm_walk *walk)
{
    struct mtm_visit *visit = &walk->visit;
    if (MTM_UNLIKELY(walk->message != walk->reader->message) &&
        mtm_walk_begin(walk) != MTM_OK) {
        stop(walk, visit);
        return visit;
    }
    if (MTM_LIKELY(walk->plain)) { /* all else stays as it was at the beginning */
        walk->last.at = walk->reader->at;
        visit->tag = mtm_reader_next(walk->reader, &visit->value);
        return visit;
    }
    walk->last = mtm_walk_where(walk);
    mtm_walk_step(walk, visit);
    if (visit->tag == MTM_TAG_ARRAY) mtm_reader_align_array(walk->reader, &visit->value);
    if (visit->tag == MTM_TAG_CODE) {
        struct mtm_visit inside;
        do {
            mtm_walk_step(walk, &inside);
        } while (walk->depth > walk->last.depth);
        if (inside.tag == MTM_TAG_END && !inside.ends_table) *visit = inside;
    }
    return visit;
}
