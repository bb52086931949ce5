/* Values from one message to another: references and keys get the numbers that they have there.
 * It owns nothing: what was copied already is noted in the composer. */
#include "core/compose.h"
#include "core/cargo.h"
#include "core/few.h"

#include "platform/hidden.h"

struct copy {
    struct mtm_composer *to;
    struct mtm_walk *from;
};

/* ---- what has been copied already ---- */

/* Of objects or of keys: which one here was the n-th there; false if it has not been copied. */
static bool find(const struct mtm_compose_runs *runs, uint32_t nth, uint32_t *out)
{
    size_t low = 0, high = runs->count; /* the last run that does not begin behind it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (runs->run[middle].from <= nth) low = middle + 1;
        else high = middle;
    }
    if (low == 0) return false;
    const struct mtm_compose_run *run = &runs->run[low - 1];
    if (nth - run->from >= run->count) return false;
    *out = run->to + (nth - run->from);
    return true;
}

/* The one that is `from` there has come here as `to`. */
static enum mtm_status note(const struct copy *copy, struct mtm_compose_runs *runs,
                            uint32_t from, uint32_t to)
{
    if (runs->count > 0) {
        struct mtm_compose_run *last = &runs->run[runs->count - 1];
        if (from == last->from + last->count && to == last->to + last->count) {
            ++last->count;
            return MTM_OK;
        }
        if (from < last->from + last->count) return MTM_OK; /* a second copy of it */
    }
    if (runs->count == runs->cap) {
        if (copy->to->writer.fixed) return MTM_TOO_LARGE;
        struct mtm_compose_run *run =
            mtm_few_grow(runs->run, runs->first, &runs->cap, sizeof *run);
        if (!run) return MTM_NOMEM;
        runs->run = run;
    }
    runs->run[runs->count++] = (struct mtm_compose_run){from, 1, to};
    return MTM_OK;
}

/* ---- pieces ---- */

static enum mtm_status put(const struct copy *copy, const void *bytes, size_t size)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(&copy->to->writer, size, &status);
    if (room) memcpy(room, bytes, size);
    return status;
}

static enum mtm_status put_tag(const struct copy *copy, enum mtm_tag tag)
{
    const unsigned char byte = (unsigned char)tag;
    return put(copy, &byte, 1);
}

static enum mtm_status put_text(const struct copy *copy, const struct mtm_walk_string *text,
                                bool kept)
{
    enum mtm_status status;
    unsigned char *room =
        mtm_writer_room(&copy->to->writer, mtm_wire_string_size(text->len), &status);
    if (!room) return status;
    unsigned char *to = mtm_wire_string_header(room, text->len);
    if (kept) *room = MTM_TAG_KEY;
    if (text->len > 0) memcpy(to, text->ptr, text->len);
    return MTM_OK;
}

/* A string in the place of a key. One that came again, but not here, is written once more. */
static enum mtm_status put_key(const struct copy *copy, const struct mtm_walk_string *key)
{
    struct mtm_composer *to = copy->to;
    uint32_t nth_key;
    if (!mtm_wire_is_key(key->len)) return put_text(copy, key, false);
    if (key->again && find(&to->copied_keys, key->nth_key, &nth_key)) {
        unsigned char piece[MTM_REFERENCE_VALUE];
        mtm_wire_reference(piece, MTM_TAG_KEY_AGAIN, to->keys - nth_key);
        return put(copy, piece, sizeof piece);
    }
    enum mtm_status status = put_text(copy, key, key->kept && !key->again);
    if (status != MTM_OK) return status;
    nth_key = to->keys++;
    return key->again ? MTM_OK : note(copy, &to->copied_keys, key->nth_key, nth_key);
}

static enum mtm_status put_table(const struct copy *copy, const struct mtm_visit *visit)
{
    const struct mtm_value *value = &visit->value;
    const bool is_code = value->tag == MTM_TAG_CODE;
    unsigned char head[MTM_WORD_VALUE];
    enum mtm_status status = MTM_OK;
    if (visit->name.ptr) {
        status = put_tag(copy, MTM_TAG_NAMED);
        if (status == MTM_OK) status = put_key(copy, &visit->name);
    }
    mtm_wire_pair(head, value->tag, is_code ? value->code.upvalues : value->table.array,
                  is_code ? value->code.len : value->table.pairs);
    if (status == MTM_OK) status = put(copy, head, sizeof head);
    if (status == MTM_OK && is_code) status = put(copy, value->code.ptr, value->code.len);
    if (status != MTM_OK) return status;
    return note(copy, &copy->to->copied_objects, visit->number, ++copy->to->objects);
}

/* The step has just read it. */
static enum mtm_status put_object(const struct copy *copy, const struct mtm_visit *visit)
{
    unsigned char piece[MTM_OBJECT_VALUE];
    const struct mtm_item *item = mtm_reader_item(copy->from->reader);
    if (!item) return MTM_MISPLACED; /* damaged */
    mtm_wire_object(piece, visit->value.object.kind, visit->value.object.id,
                    visit->value.object.shared);
    enum mtm_status status = put(copy, piece, sizeof piece);
    if (status == MTM_OK) status = mtm_cargo_add_like(&copy->to->writer.cargo, item);
    if (status != MTM_OK) return status;
    return note(copy, &copy->to->copied_objects, visit->number, ++copy->to->objects);
}

static enum mtm_status put_reference(const struct copy *copy, const struct mtm_visit *visit)
{
    uint32_t number;
    unsigned char piece[MTM_WORD_VALUE];
    if (!find(&copy->to->copied_objects, visit->number, &number)) return MTM_MISPLACED;
    const uint32_t back = copy->to->objects - number + 1;
    if (visit->tag == MTM_TAG_REFERENCE) {
        mtm_wire_reference(piece, MTM_TAG_REFERENCE, back);
        return put(copy, piece, MTM_REFERENCE_VALUE);
    }
    mtm_wire_pair(piece, MTM_TAG_UPVALUE, back, visit->value.reference.index);
    return put(copy, piece, MTM_WORD_VALUE);
}

static enum mtm_status put_module(const struct copy *copy, const struct mtm_visit *visit)
{
    enum mtm_status status = put_tag(copy, MTM_TAG_MODULE);
    if (status == MTM_OK) status = put_key(copy, &visit->name);
    if (status != MTM_OK) return status;
    if (!visit->field.ptr) return put_tag(copy, MTM_TAG_NIL);
    return put_key(copy, &visit->field);
}

/* ---- values ---- */

/* What the step has found between `at` and where the reader is. */
static enum mtm_status put_visit(const struct copy *copy, const struct mtm_visit *visit,
                                 const unsigned char *at)
{
    const struct mtm_walk_string text = {.ptr = visit->value.string.ptr,
                                         .len = visit->value.string.len};
    switch (visit->tag) {
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED:
        case MTM_TAG_CODE: return put_table(copy, visit);
        case MTM_TAG_OBJECT: return put_object(copy, visit);
        case MTM_TAG_REFERENCE:
        case MTM_TAG_UPVALUE: return put_reference(copy, visit);
        case MTM_TAG_MODULE: return put_module(copy, visit);
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
            return visit->is_key ? put_key(copy, &visit->name) : put_text(copy, &text, false);
        case MTM_TAG_END: return visit->ends_table ? MTM_OK : MTM_MISPLACED; /* damaged */
        case MTM_TAG_NIL:
        case MTM_TAG_BOOLEAN:
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER:
        case MTM_TAG_NUMBER:
        case MTM_TAG_POINTER:
        case MTM_TAG_FUNCTION:
        case MTM_TAG_ARRAY:
        case MTM_TAG_GLOBALS:
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_NAMED: break;
    }
    return put(copy, at, (size_t)(copy->from->reader->at - at));
}

/* From in front of the value to behind it. */
static enum mtm_status copy_whole(const struct copy *copy)
{
    struct mtm_walk *walk = copy->from;
    const size_t depth = walk->depth;
    enum mtm_status status;
    do {
        struct mtm_visit visit;
        const unsigned char *at = walk->reader->at;
        mtm_walk_step(walk, &visit);
        status = put_visit(copy, &visit, at);
    } while (status == MTM_OK && walk->depth > depth);
    return status;
}

/* Its elements have been moved, so it is made anew. */
static enum mtm_status copy_array(const struct copy *copy, const struct mtm_value *value)
{
    enum mtm_status status;
    const size_t size = mtm_wire_array_size(value->array.elsize, value->array.count);
    unsigned char *room = mtm_writer_room(&copy->to->writer, size, &status);
    if (!room) return status;
    unsigned char *to =
        mtm_wire_array_header(room, value->array.type, value->array.elsize, value->array.count);
    if (value->array.count > 0)
        memcpy(to, value->array.ptr, value->array.elsize * value->array.count);
    return MTM_OK;
}

/* A key that is a string, or a string that was one there, is what it is here. */
static enum mtm_status copy_string(const struct copy *copy, const struct mtm_value *value)
{
    enum mtm_status status =
        mtm_writer_add_string(&copy->to->writer, value->string.ptr, value->string.len);
    if (status == MTM_OK) mtm_compose_added_string(copy->to, value->string.len);
    return status;
}

static bool is_no_key(const struct mtm_visit *visit)
{
    return visit->tag == MTM_TAG_NIL ||
           (visit->tag == MTM_TAG_NUMBER && visit->value.number != visit->value.number);
}

/* What is noted is worth nothing for another message. */
static void look_at(struct mtm_composer *composer, const struct mtm_walk *walk)
{
    if (composer->source == walk && composer->source_message == walk->message) return;
    composer->source = walk;
    composer->source_message = walk->message;
    composer->copied_objects.count = composer->copied_keys.count = 0;
}

static enum mtm_status copy_value(const struct copy *copy)
{
    const struct mtm_visit *visit = &copy->from->visit;
    if (visit->tag == MTM_TAG_ARRAY) return copy_array(copy, &visit->value);
    mtm_walk_return(copy->from);
    return copy_whole(copy);
}

/* The latest run may have grown: its count is put back, too. */
static void undo_runs(struct mtm_compose_runs *runs, size_t count, uint32_t last)
{
    runs->count = count;
    if (count > 0) runs->run[count - 1].count = last;
}

static uint32_t last_count(const struct mtm_compose_runs *runs)
{
    return runs->count > 0 ? runs->run[runs->count - 1].count : 0;
}

enum mtm_status mtm_compose_copy(struct mtm_composer *composer, struct mtm_walk *walk)
{
    const struct copy copy = {composer, walk};
    const struct mtm_visit *visit = &walk->visit;
    if (visit->tag == MTM_TAG_END || walk->message != walk->reader->message)
        return MTM_MISPLACED;
    enum mtm_status status = mtm_compose_may(composer, 1, is_no_key(visit));
    if (status != MTM_OK) return status;
    if (visit->tag == MTM_TAG_SHORT || visit->tag == MTM_TAG_STRING)
        return copy_string(&copy, &visit->value);
    look_at(composer, walk);
    struct mtm_compose_runs *objects = &composer->copied_objects,
                            *keys = &composer->copied_keys;
    const struct mtm_walk_place place = mtm_walk_where(walk);
    const size_t size = mtm_writer_size(&composer->writer), objects_runs = objects->count,
                 keys_runs = keys->count;
    const uint32_t last_object = last_count(objects), last_key = last_count(keys),
                   object_count = composer->objects, key_count = composer->keys;
    struct mtm_cargo **cargo = &composer->writer.cargo;
    const size_t items = *cargo ? (*cargo)->count : 0;
    status = copy_value(&copy);
    if (status == MTM_OK) {
        mtm_compose_added(composer, 1);
        return MTM_OK;
    }
    mtm_walk_to(walk, &place);
    if (composer->writer.block) composer->writer.block->size = size;
    mtm_cargo_shrink(cargo, items);
    composer->objects = object_count;
    composer->keys = key_count;
    undo_runs(objects, objects_runs, last_object);
    undo_runs(keys, keys_runs, last_key);
    return status;
}
