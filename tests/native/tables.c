/*
 * Owns the module "tables": the functions of Receiver 2.1 and Sender 1.1, callable from Lua
 * with their raw arguments and return codes, and two programs of a native client that are
 * written with them: one that builds a message anew from what it walks through, and one that
 * passes values on. It decides nothing: what the codes should be is said by the tests in Lua.
 */
#include "support.h"

#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#include <stdint.h>
#include <stdlib.h>

#define WRITER "tables.writer"
#define READER "tables.reader"

struct writer {
    const receiver_capi_2_1 *api;
    receiver_writer *writer;
};

struct reader {
    const sender_capi_1_1 *api;
    sender_reader *reader;
};

static int failed(lua_State *L, int reason)
{
    return luaL_error(L, "no such API: reason %d", reason);
}

static const receiver_capi_2_1 *receiving(lua_State *L, int index)
{
    int reason = 0;
    const receiver_capi_2_1 *api = receiver_get_capi_2_1(L, index, &reason);
    if (!api) failed(L, reason);
    return api;
}

static const sender_capi_1_1 *sending(lua_State *L, int index)
{
    int reason = 0;
    const sender_capi_1_1 *api = sender_get_capi_1_1(L, index, &reason);
    if (!api) failed(L, reason);
    return api;
}

/* versions(object) -> of Receiver and Sender, the new ones and those that are found first */
static int versions(lua_State *L)
{
    const receiver_capi_2_1 *r = receiving(L, 1);
    const sender_capi_1_1 *s = sending(L, 1);
    const receiver_capi *old_r = receiver_get_capi(L, 1, NULL);
    const sender_capi *old_s = sender_get_capi(L, 1, NULL);
    lua_pushfstring(L, "%d.%d.%d", r->version_major, r->version_minor, r->version_patch);
    lua_pushfstring(L, "%d.%d.%d", s->version_major, s->version_minor, s->version_patch);
    lua_pushfstring(L, "%d.%d.%d", old_r->version_major, old_r->version_minor,
                    old_r->version_patch);
    lua_pushfstring(L, "%d.%d.%d", old_s->version_major, old_s->version_minor,
                    old_s->version_patch);
    return 4;
}

/* -------------------------------------------------------------------- writer */

/* writer(object [, capacity, grow]) -> writer | nil */
static int new_writer(lua_State *L)
{
    const receiver_capi_2_1 *api = receiving(L, 1);
    size_t capacity = (size_t)luaL_optnumber(L, 2, 1024);
    float grow = (float)luaL_optnumber(L, 3, 2);
    struct writer *w = support_new(L, WRITER, sizeof *w);
    w->api = api;
    w->writer = api->newWriter(capacity, grow);
    if (!w->writer) lua_pushnil(L);
    return 1;
}

static struct writer *check_writer(lua_State *L)
{
    struct writer *w = luaL_checkudata(L, 1, WRITER);
    luaL_argcheck(L, w->writer != NULL, 1, "writer is freed");
    return w;
}

static int writer_free(lua_State *L)
{
    struct writer *w = luaL_checkudata(L, 1, WRITER);
    if (w->writer) w->api->freeWriter(w->writer);
    w->writer = NULL;
    return 0;
}

static int code(lua_State *L, int value)
{
    lua_pushinteger(L, value);
    return 1;
}

/* writer:send(object [, clear]) -> code */
static int writer_send(lua_State *L)
{
    struct writer *w = check_writer(L);
    receiver_object *to = w->api->toReceiver(L, 2);
    luaL_argcheck(L, to, 2, "not a receiver");
    return code(L, w->api->msgToReceiver(to, w->writer, lua_toboolean(L, 3), 0, NULL, NULL));
}

/* writer:put(object, timeout) -> code */
static int writer_put(lua_State *L)
{
    struct writer *w = check_writer(L);
    receiver_object *to = w->api->toReceiver(L, 2);
    luaL_argcheck(L, to, 2, "not a receiver");
    return code(L, w->api->putToReceiver(to, w->writer, luaL_checknumber(L, 3), NULL, NULL));
}

/* finish(object) */
static int finish(lua_State *L)
{
    const receiver_capi_2_1 *api = receiving(L, 1);
    api->finishReceiver(api->toReceiver(L, 1));
    return 0;
}

static int writer_clear(lua_State *L)
{
    struct writer *w = check_writer(L);
    w->api->clearWriter(w->writer);
    return 0;
}

static int writer_nil(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->addNilToWriter(w->writer));
}

static int writer_boolean(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->addBooleanToWriter(w->writer, lua_toboolean(L, 2)));
}

static int writer_integer(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->addIntegerToWriter(w->writer, luaL_checkinteger(L, 2)));
}

static int writer_number(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->addNumberToWriter(w->writer, luaL_checknumber(L, 2)));
}

/* writer:number_of(high, low) -> code: the number with these halves of its bits */
static int writer_number_of(lua_State *L)
{
    struct writer *w = check_writer(L);
    const uint64_t high = (uint64_t)luaL_checknumber(L, 2),
                   low = (uint64_t)luaL_checknumber(L, 3), bits = high << 32 | low;
    double number;
    memcpy(&number, &bits, sizeof number);
    return code(L, w->api->addNumberToWriter(w->writer, (lua_Number)number));
}

static int writer_string(lua_State *L)
{
    struct writer *w = check_writer(L);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    return code(L, w->api->addStringToWriter(w->writer, text, len));
}

static int writer_bytes(lua_State *L)
{
    struct writer *w = check_writer(L);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    return code(L, w->api->addBytesToWriter(w->writer, (const unsigned char *)text, len));
}

/* writer:array(count): of zeros -> whether there is room */
static int writer_array(lua_State *L)
{
    struct writer *w = check_writer(L);
    size_t count = (size_t)luaL_checknumber(L, 2);
    double *to = w->api->addArrayToWriter(w->writer, RECEIVER_DOUBLE, count);
    for (size_t i = 0; to && i < count; ++i) to[i] = (double)i;
    lua_pushboolean(L, to != NULL);
    return 1;
}

static int writer_pointer(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->addPointerToWriter(w->writer, lua_touserdata(L, 2)));
}

static int writer_func(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->addFunctionToWriter(w->writer, lua_tocfunction(L, 2)));
}

/* writer:begin([count [, numbered]]) -> code, number; without a count: a list of any length */
static int writer_begin(lua_State *L)
{
    struct writer *w = check_writer(L);
    size_t count = lua_isnoneornil(L, 2) ? (size_t)-1 : (size_t)luaL_checknumber(L, 2);
    size_t number = 0;
    code(L, w->api->beginTableInWriter(w->writer, count, lua_toboolean(L, 3) ? &number : NULL));
    lua_pushinteger(L, (lua_Integer)number);
    return 2;
}

static int writer_finish(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->endTableInWriter(w->writer));
}

static int writer_refer(lua_State *L)
{
    struct writer *w = check_writer(L);
    return code(L, w->api->addReferenceToWriter(w->writer, (size_t)luaL_checknumber(L, 2)));
}

/* writer:object(buffer or topic [, numbered]) -> code, number */
static int writer_object(lua_State *L)
{
    struct writer *w = check_writer(L);
    receiver_object *object = w->api->toReceiver(L, 2);
    size_t number = 0;
    luaL_argcheck(L, object, 2, "not a receiver");
    code(L, w->api->addObjectToWriter(w->writer, object, lua_toboolean(L, 3) ? &number : NULL));
    lua_pushinteger(L, (lua_Integer)number);
    return 2;
}

/* writer:value(reader) -> code */
static int writer_value(lua_State *L)
{
    struct writer *w = check_writer(L);
    struct reader *r = luaL_checkudata(L, 2, READER);
    return code(L, w->api->addValueToWriter(w->writer, r->reader));
}

/* -------------------------------------------------------------------- reader */

/* reader(object [, capacity, grow]) -> reader | nil */
static int new_reader(lua_State *L)
{
    const sender_capi_1_1 *api = sending(L, 1);
    size_t capacity = (size_t)luaL_optnumber(L, 2, 1024);
    float grow = (float)luaL_optnumber(L, 3, 2);
    struct reader *r = support_new(L, READER, sizeof *r);
    r->api = api;
    r->reader = api->newReader(capacity, grow);
    if (!r->reader) lua_pushnil(L);
    return 1;
}

static struct reader *check_reader(lua_State *L)
{
    struct reader *r = luaL_checkudata(L, 1, READER);
    luaL_argcheck(L, r->reader != NULL, 1, "reader is freed");
    return r;
}

static int reader_free(lua_State *L)
{
    struct reader *r = luaL_checkudata(L, 1, READER);
    if (r->reader) r->api->freeReader(r->reader);
    r->reader = NULL;
    return 0;
}

static int reader_clear(lua_State *L)
{
    struct reader *r = check_reader(L);
    r->api->clearReader(r->reader);
    return 0;
}

/* reader:receive(object) -> code */
static int reader_receive(lua_State *L)
{
    struct reader *r = check_reader(L);
    sender_object *from = r->api->toSender(L, 2);
    luaL_argcheck(L, from, 2, "not a sender");
    return code(L, r->api->nextMessageFromSender(from, r->reader, 0, 0, NULL, NULL));
}

/* reader:receive_as_before(object) -> code, by version 1.0 */
static int reader_receive_as_before(lua_State *L)
{
    struct reader *r = check_reader(L);
    const sender_capi *old = sender_get_capi(L, 2, NULL);
    sender_object *from = old->toSender(L, 2);
    return code(L, old->nextMessageFromSender(from, r->reader, 0, 0, NULL, NULL));
}

/* reader:next_as_before(): passes over a value, by version 1.0 */
static int reader_next_as_before(lua_State *L)
{
    struct reader *r = check_reader(L);
    sender_capi_value value;
    sender_get_capi(L, 2, NULL)->nextValueFromReader(r->reader, &value);
    return 0;
}

static int reader_lease(lua_State *L)
{
    struct reader *r = check_reader(L);
    r->api->leaseReader(r->reader);
    return 0;
}

static int reader_done(lua_State *L)
{
    struct reader *r = check_reader(L);
    r->api->doneReader(r->reader);
    return 0;
}

static int reader_back(lua_State *L)
{
    struct reader *r = check_reader(L);
    return code(L, r->api->putBackReader(r->reader));
}

static int reader_rewind(lua_State *L)
{
    struct reader *r = check_reader(L);
    return code(L, r->api->rewindReader(r->reader));
}

static int reader_source(lua_State *L)
{
    struct reader *r = check_reader(L);
    lua_pushnumber(L, (lua_Number)r->api->sourceOfReader(r->reader));
    return 1;
}

/* A module is told as "name.field". */
static void push_module(lua_State *L, const struct sender_capi_module *module)
{
    lua_pushlstring(L, module->name.ptr, module->name.len);
    if (!module->field.ptr) return;
    lua_pushlstring(L, ".", 1);
    lua_pushlstring(L, module->field.ptr, module->field.len);
    lua_concat(L, 3);
}

/* An array is told by the sum of its elements if these are of type double. */
static void push_array(lua_State *L, const struct sender_capi_array *array)
{
    const double *elements = array->data;
    lua_Number sum = 0;
    if ((uintptr_t)elements % array->elementSize != 0) luaL_error(L, "not aligned");
    for (size_t i = 0; array->type == SENDER_DOUBLE && i < array->elementCount; ++i) {
        sum += elements[i];
    }
    lua_pushnumber(L, sum);
}

/* reader:next() -> type, and what it has of: value | number, counts, shared | number */
static int reader_next(lua_State *L)
{
    static const char *const names[] = {
        "none",  "nil",   "boolean", "integer",   "number",   "pointer", "cfunction", "string",
        "array", "table", "end",     "reference", "function", "module",  "object"};
    struct reader *r = check_reader(L);
    sender_capi_value_1_1 v;
    memset(&v, 0x5a, sizeof v);
    r->api->nextValueFromReader(r->reader, &v);
    if (v.type > SENDER_CAPI_TYPE_OBJECT) return luaL_error(L, "unknown type %d", (int)v.type);
    lua_pushstring(L, names[v.type]);
    switch (v.type) {
        case SENDER_CAPI_TYPE_BOOLEAN: lua_pushboolean(L, v.boolVal); break;
        case SENDER_CAPI_TYPE_INTEGER: lua_pushinteger(L, v.intVal); break;
        case SENDER_CAPI_TYPE_NUMBER: lua_pushnumber(L, v.numVal); break;
        case SENDER_CAPI_TYPE_LIGHTUSERDATA: lua_pushlightuserdata(L, v.ptrVal); break;
        case SENDER_CAPI_TYPE_CFUNCTION: lua_pushcfunction(L, v.funcVal); break;
        case SENDER_CAPI_TYPE_STRING: lua_pushlstring(L, v.strVal.ptr, v.strVal.len); break;
        case SENDER_CAPI_TYPE_ARRAY: push_array(L, &v.arrayVal); break;
        case SENDER_CAPI_TYPE_TABLE:
            lua_pushinteger(L, (lua_Integer)v.tableVal.number);
            lua_pushinteger(L, (lua_Integer)v.tableVal.arrayCount);
            lua_pushinteger(L, (lua_Integer)v.tableVal.hashCount);
            lua_pushboolean(L, v.tableVal.shared);
            return 5;
        case SENDER_CAPI_TYPE_REFERENCE:
        case SENDER_CAPI_TYPE_FUNCTION: lua_pushinteger(L, (lua_Integer)v.numberVal); break;
        case SENDER_CAPI_TYPE_MODULE: push_module(L, &v.moduleVal); break;
        case SENDER_CAPI_TYPE_OBJECT: lua_pushinteger(L, v.objectVal.kind); break;
        case SENDER_CAPI_TYPE_NONE:
        case SENDER_CAPI_TYPE_NIL:
        case SENDER_CAPI_TYPE_END: return 1;
    }
    return 2;
}

/* -------------------------------------------------------------------- two clients */

/* What a native program does that makes each message anew. The numbers that tables have here
 * are kept by those that they had there. */
struct builder {
    const receiver_capi_2_1 *to;
    receiver_writer *w;
    struct sender_reader *r;
    size_t *numbers, count;
};

static int remember(struct builder *b, size_t there, size_t here)
{
    if (there >= b->count) {
        b->numbers = realloc(b->numbers, (2 * there + 1) * sizeof *b->numbers);
        b->count = 2 * there + 1;
    }
    b->numbers[there] = here;
    return 0;
}

static int build_table(struct builder *b, const struct sender_capi_table *table)
{
    size_t number = 0;
    int rc = b->to->beginTableInWriter(b->w, table->arrayCount, table->shared ? &number : NULL);
    return rc != 0 || !table->shared ? rc : remember(b, table->number, number);
}

static int build_array(struct builder *b, const struct sender_capi_array *array)
{
    void *to = b->to->addArrayToWriter(b->w, (enum receiver_array_type)array->type,
                                       array->elementCount);
    if (to) memcpy(to, array->data, array->elementSize * array->elementCount);
    return to ? 0 : -1;
}

static int build_object(struct builder *b, const struct sender_capi_object *object)
{
    size_t number = 0;
    if (object->kind != SENDER_OBJECT_BUFFER && object->kind != SENDER_OBJECT_TOPIC)
        return b->to->addValueToWriter(b->w, b->r);
    int rc = b->to->addObjectToWriter(b->w, object->object, &number);
    return rc == 0 ? remember(b, object->number, number) : rc;
}

static int build(struct builder *b, const sender_capi_value_1_1 *v)
{
    switch (v->type) {
        case SENDER_CAPI_TYPE_NONE: return 0;
        case SENDER_CAPI_TYPE_NIL: return b->to->addNilToWriter(b->w);
        case SENDER_CAPI_TYPE_BOOLEAN: return b->to->addBooleanToWriter(b->w, v->boolVal);
        case SENDER_CAPI_TYPE_INTEGER: return b->to->addIntegerToWriter(b->w, v->intVal);
        case SENDER_CAPI_TYPE_NUMBER: return b->to->addNumberToWriter(b->w, v->numVal);
        case SENDER_CAPI_TYPE_LIGHTUSERDATA: return b->to->addPointerToWriter(b->w, v->ptrVal);
        case SENDER_CAPI_TYPE_CFUNCTION: return b->to->addFunctionToWriter(b->w, v->funcVal);
        case SENDER_CAPI_TYPE_STRING:
            return b->to->addStringToWriter(b->w, v->strVal.ptr, v->strVal.len);
        case SENDER_CAPI_TYPE_ARRAY: return build_array(b, &v->arrayVal);
        case SENDER_CAPI_TYPE_TABLE: return build_table(b, &v->tableVal);
        case SENDER_CAPI_TYPE_END: return b->to->endTableInWriter(b->w);
        case SENDER_CAPI_TYPE_REFERENCE:
            return b->to->addReferenceToWriter(b->w, b->numbers[v->numberVal]);
        case SENDER_CAPI_TYPE_OBJECT: return build_object(b, &v->objectVal);
        case SENDER_CAPI_TYPE_FUNCTION:
        case SENDER_CAPI_TYPE_MODULE: return b->to->addValueToWriter(b->w, b->r);
    }
    return -100;
}

/* relay(from, to, how [, skip]): takes a message, and sends its values, but for the first
 * `skip`, to the other buffer: how = "build" anew, piece by piece, or "pass" -> codes of
 * receiving, adding, sending */
static int relay(lua_State *L)
{
    const sender_capi_1_1 *from = sending(L, 1);
    const receiver_capi_2_1 *to = receiving(L, 2);
    const int anew = strcmp(luaL_checkstring(L, 3), "build") == 0;
    int skip = (int)luaL_optinteger(L, 4, 0), depth = 0;
    receiver_writer *w = to->newWriter(10, 2);
    sender_reader *r = from->newReader(10, 2);
    struct builder b = {to, w, r, NULL, 0};
    int rc = from->nextMessageFromSender(from->toSender(L, 1), r, 0, 0, NULL, NULL), adding = 0;
    code(L, rc);
    sender_capi_value_1_1 v = {.type = SENDER_CAPI_TYPE_NONE};
    do {
        from->nextValueFromReader(r, &v);
        if (v.type == SENDER_CAPI_TYPE_NONE) break;
        if (skip > 0) {
            if (v.type == SENDER_CAPI_TYPE_TABLE) ++depth;
            if (v.type == SENDER_CAPI_TYPE_END) --depth;
            if (depth == 0) --skip;
            continue;
        }
        adding = anew ? build(&b, &v) : to->addValueToWriter(w, r);
    } while (adding == 0);
    code(L, adding);
    code(L, rc == 0 && adding == 0
                ? to->msgToReceiver(to->toReceiver(L, 2), w, 0, 0, NULL, NULL)
                : -1);
    to->freeWriter(w);
    from->freeReader(r);
    free(b.numbers);
    return 3;
}

/* answer(buffer): takes a message, and sends the sum of its integers to each buffer or topic
 * that is among its values, at any depth, after it has let go of the message -> how many there
 * were, and how many could not be sent to */
static int answer(lua_State *L)
{
    const sender_capi_1_1 *from = sending(L, 1);
    const receiver_capi_2_1 *to = receiving(L, 1);
    sender_reader *r = from->newReader(10, 2);
    receiver_writer *w = to->newWriter(10, 2);
    receiver_object *object[10];
    int count = 0, failures = 0;
    lua_Integer sum = 0;
    sender_capi_value_1_1 v = {.type = SENDER_CAPI_TYPE_NONE};
    from->nextMessageFromSender(from->toSender(L, 1), r, 0, 0, NULL, NULL);
    do {
        from->nextValueFromReader(r, &v);
        if (v.type == SENDER_CAPI_TYPE_INTEGER) sum += v.intVal;
        if (v.type != SENDER_CAPI_TYPE_OBJECT || count == 10) continue;
        if (v.objectVal.kind != SENDER_OBJECT_BUFFER && v.objectVal.kind != SENDER_OBJECT_TOPIC)
            continue;
        object[count] = v.objectVal.object;
        to->retainReceiver(object[count++]);
    } while (v.type != SENDER_CAPI_TYPE_NONE);
    from->freeReader(r);
    for (int i = 0; i < count; ++i) {
        to->addIntegerToWriter(w, sum);
        failures += to->msgToReceiver(object[i], w, 0, 0, NULL, NULL) != 0;
        to->releaseReceiver(object[i]);
    }
    to->freeWriter(w);
    lua_pushinteger(L, count);
    lua_pushinteger(L, failures);
    return 2;
}

/* -------------------------------------------------------------------- module */

EXPORT int luaopen_tables(lua_State *L);

int luaopen_tables(lua_State *L)
{
    static const luaL_Reg writer[] = {{"free", writer_free},
                                      {"clear", writer_clear},
                                      {"send", writer_send},
                                      {"put", writer_put},
                                      {"nil", writer_nil},
                                      {"boolean", writer_boolean},
                                      {"integer", writer_integer},
                                      {"number", writer_number},
                                      {"number_of", writer_number_of},
                                      {"string", writer_string},
                                      {"bytes", writer_bytes},
                                      {"array", writer_array},
                                      {"pointer", writer_pointer},
                                      {"func", writer_func},
                                      {"begin", writer_begin},
                                      {"finish", writer_finish},
                                      {"refer", writer_refer},
                                      {"value", writer_value},
                                      {"object", writer_object},
                                      {NULL, NULL}};
    static const luaL_Reg reader[] = {{"free", reader_free},
                                      {"clear", reader_clear},
                                      {"receive", reader_receive},
                                      {"receive_as_before", reader_receive_as_before},
                                      {"next_as_before", reader_next_as_before},
                                      {"lease", reader_lease},
                                      {"done", reader_done},
                                      {"back", reader_back},
                                      {"source", reader_source},
                                      {"rewind", reader_rewind},
                                      {"next", reader_next},
                                      {NULL, NULL}};
    static const luaL_Reg module[] = {{"versions", versions},
                                      {"writer", new_writer},
                                      {"reader", new_reader},
                                      {"relay", relay},
                                      {"answer", answer},
                                      {"finish", finish},
                                      {NULL, NULL}};
    support_class(L, WRITER, writer, writer_free);
    support_class(L, READER, reader, reader_free);
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
