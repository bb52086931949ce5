/* Fuzz target: the Receiver, Sender and Notify APIs in any order that is legal, against a model
 * of what buffers, writers and readers contain. Values, codes and sizes are checked exactly;
 * memory that runs out is the one thing that may come at any time. */
#include "capi/shim.h"

#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#include "fuzz.h"

int luaopen_mtmsg(lua_State *L);

enum { BUFFERS = 4, WRITERS = 3, READERS = 3, MAX_MESSAGES = 40, MAX_VALUES = 40 };

/* ---- the model ---- */

/* What a value must be; strings and arrays follow from `word`. */
struct value {
    int type; /* as in sender_capi_value_1_1 */
    enum sender_array_type element;
    uint64_t word;
    size_t count; /* bytes of a string, elements of an array */
};

struct list {
    size_t count, bytes; /* bytes: what the values account for */
    size_t seq;          /* place in the order of its buffer */
    struct value value[MAX_VALUES];
};

struct buffer {
    int index; /* in Lua's table */
    bool fixed, closed, aborted, dropped;
    size_t size;
    size_t retained;
    size_t count, bytes;    /* with the headers of the messages */
    size_t next_seq, epoch; /* epoch: how often all messages were thrown away */
    size_t made;            /* which buffer of this place it is */
    struct list *message[MAX_MESSAGES];
    int added, taken; /* the buffer has a notifier: 1 + its number */
    notify_notifier *notifier;
    receiver_object *receiver;
    sender_object *sender;
};

struct writer {
    receiver_writer *real;
    bool fixed;
    size_t size;
    struct list list;
};

struct reader {
    sender_reader *real;
    bool fixed;
    size_t size, next;
    bool newer;          /* the message came by version 1.1 */
    bool gave;           /* its memory has gone back with a message */
    struct buffer *from; /* of the message; NULL: none, or it is back */
    size_t epoch, made, arrays;
    struct list list;
};

/* Objects that buffers notify. */
struct notify_notifier {
    int references, code, calls;
    bool says_why;
};

static struct fuzz_input input;
static struct buffer buffers[BUFFERS];
static struct writer writers[WRITERS];
static struct reader readers[READERS];
static struct notify_notifier notifiers[2];
static lua_State *L;
static const notify_capi *notifying;
static const receiver_capi *receiving;
static const sender_capi *sending;
static const receiver_capi_2_1 *composing;
static const sender_capi_1_1 *walking;

static bool has_failed(void)
{
    return fuzz_failed > 0;
}

static size_t record_size(size_t bytes)
{
    return bytes + (bytes < 255 ? 1 : 9);
}

static void remove_first(struct buffer *b)
{
    b->bytes -= record_size(b->message[0]->bytes);
    free(b->message[0]);
    memmove(&b->message[0], &b->message[1], --b->count * sizeof b->message[0]);
}

static void forget(struct buffer *b)
{
    ++b->epoch;
    while (b->count > 0) remove_first(b);
}

static void append(struct buffer *b, const struct list *list)
{
    struct list *copy = malloc(sizeof *copy);
    copy->count = list->count;
    copy->bytes = list->bytes;
    copy->seq = b->next_seq++;
    memcpy(copy->value, list->value, list->count * sizeof list->value[0]);
    b->message[b->count++] = copy;
    b->bytes += record_size(list->bytes);
}

/* To its place in the order. */
static void insert(struct buffer *b, const struct list *list)
{
    size_t seq = list->seq, place = 0, next = b->next_seq;
    append(b, list);
    b->next_seq = next;
    struct list *copy = b->message[b->count - 1];
    copy->seq = seq;
    while (b->message[place]->seq < seq) ++place;
    memmove(&b->message[place + 1], &b->message[place],
            (b->count - 1 - place) * sizeof b->message[0]);
    b->message[place] = copy;
}

/* ---- notifiers ---- */

static void retain_notifier(notify_notifier *n)
{
    ++n->references;
}

static void release_notifier(notify_notifier *n)
{
    FUZZ_CHECK(--n->references >= 0, "released too often");
}

static int call_notifier(notify_notifier *n, notifier_error_handler handler, void *data)
{
    FUZZ_CHECK(n->references > 0, "called without a reference");
    ++n->calls;
    if (n->code != 0 && n->says_why) handler(data, "why", 3);
    return n->code;
}

static notify_notifier *to_notifier(lua_State *state, int index)
{
    return *(notify_notifier **)lua_touserdata(state, index);
}

static const notify_capi notifier_api = {
    .version_major = NOTIFY_CAPI_VERSION_MAJOR,
    .version_minor = NOTIFY_CAPI_VERSION_MINOR,
    .toNotifier = to_notifier,
    .retainNotifier = retain_notifier,
    .releaseNotifier = release_notifier,
    .notify = call_notifier,
};

/* What a call that notifies has told its error handler. */
static struct {
    int calls;
    char text[80];
} told;

static void hear(void *data, const char *text, size_t len)
{
    FUZZ_CHECK(data == &told, "another handler's data");
    ++told.calls;
    snprintf(told.text, sizeof told.text, "%.*s", (int)len, text);
}

/* ---- Lua: buffers are made, found, connected and dropped by it ---- */

static void push_module(const char *name)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "mtmsg");
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

static void push_buffer(const struct buffer *b)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "buffers");
    lua_rawgeti(L, -1, b->index + 1);
    lua_remove(L, -2);
}

static void set_buffer(const struct buffer *b)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "buffers");
    lua_insert(L, -2);
    lua_rawseti(L, -2, b->index + 1);
    lua_pop(L, 1);
}

/* The method of the buffer, and the buffer. */
static void push_method(const struct buffer *b, const char *name)
{
    push_buffer(b);
    lua_getfield(L, -1, name);
    lua_insert(L, -2);
}

static void make_buffer(struct buffer *b)
{
    static const lua_Integer sizes[] = {0, 4, 20, 60, 200, 1024, 9000};
    static const double grows[] = {2, 0, 0, 1, 7.5};
    int index = (int)(b - buffers);
    forget(b);
    *b = (struct buffer){.index = index, .epoch = b->epoch, .made = b->made + 1};
    if (fuzz_pick(&input, 3) == 2) { /* of a listener */
        lua_getfield(L, LUA_REGISTRYINDEX, "listener");
        lua_getfield(L, -1, "newbuffer");
        lua_insert(L, -2);
    } else {
        push_module("newbuffer");
        lua_pushnil(L);
        lua_pop(L, 1);
    }
    int arguments = lua_gettop(L) - 1;
    b->size = (size_t)sizes[fuzz_pick(&input, 7)];
    double grow = grows[fuzz_pick(&input, 5)];
    b->fixed = grow <= 0;
    lua_pushinteger(L, (lua_Integer)b->size);
    lua_pushnumber(L, grow);
    lua_call(L, arguments + 2, 1);
    b->notifier = notify_get_capi(L, -1, NULL)->toNotifier(L, -1);
    b->receiver = receiver_get_capi(L, -1, NULL)->toReceiver(L, -1);
    b->sender = sender_get_capi(L, -1, NULL)->toSender(L, -1);
    FUZZ_CHECK(b->notifier && b->receiver && b->sender,
               "a buffer is not all that it should be");
    set_buffer(b);
}

static bool is_usable(const struct buffer *b)
{
    return b->notifier && (!b->dropped || b->retained > 0);
}

static void drop(struct buffer *b)
{
    if (b->dropped) return;
    lua_pushnil(L);
    set_buffer(b);
    lua_gc(L, LUA_GCCOLLECT, 0);
    b->dropped = true;
}

static void retain(struct buffer *b)
{
    switch (fuzz_pick(&input, 3)) {
        case 0: notifying->retainNotifier(b->notifier); break;
        case 1: receiving->retainReceiver(b->receiver); break;
        default: sending->retainSender(b->sender); break;
    }
    ++b->retained;
}

static void release(struct buffer *b)
{
    if (b->retained == 0) return;
    switch (fuzz_pick(&input, 3)) {
        case 0: notifying->releaseNotifier(b->notifier); break;
        case 1: receiving->releaseReceiver(b->receiver); break;
        default: sending->releaseSender(b->sender); break;
    }
    --b->retained;
}

static void change_state(struct buffer *b)
{
    unsigned what = fuzz_pick(&input, 4);
    if (b->dropped) return;
    push_method(b, what == 3 ? "close" : what == 2 ? "clear" : "abort");
    lua_pushboolean(L, what == 1);
    if (what == 2 && b->closed) {
        lua_settop(L, 0);
        return;
    }
    lua_call(L, 2, 0);
    if (what < 2) b->aborted = what == 1;
    else forget(b);
    if (what == 3) {
        b->closed = true;
        b->added = b->taken = 0;
    }
}

static void connect(struct buffer *b)
{
    bool is_taken = fuzz_pick(&input, 2) == 1;
    int *connected = is_taken ? &b->taken : &b->added;
    unsigned which = fuzz_pick(&input, 3);
    if (b->dropped || b->closed) return;
    if (which < 2 && *connected) return;
    push_method(b, "notifier");
    if (which == 2) {
        lua_pushnil(L);
    } else {
        notify_notifier **box = lua_newuserdata(L, sizeof *box);
        *box = &notifiers[which];
        lua_newtable(L);
        notify_set_capi(L, -1, &notifier_api);
        lua_setmetatable(L, -2);
    }
    lua_pushstring(L, is_taken ? "<" : ">");
    lua_call(L, 3, 0);
    *connected = which == 2 ? 0 : (int)which + 1;
}

/* ---- values ---- */

static size_t element_size(enum sender_array_type type)
{
    static const size_t sizes[] = {0,
                                   1,
                                   1,
                                   sizeof(short),
                                   sizeof(short),
                                   sizeof(int),
                                   sizeof(int),
                                   sizeof(long),
                                   sizeof(long),
                                   sizeof(float),
                                   sizeof(double),
                                   sizeof(long long),
                                   sizeof(long long)};
    return sizes[type];
}

/* What a table of the model has: numbers, booleans under keys (under the first one perhaps an
 * empty table), and perhaps itself. */
struct shape {
    size_t numbers, keys;
    bool nested, itself;
};

static struct shape shape_of(const struct value *v)
{
    return (struct shape){.numbers = v->word & 3,
                          .keys = v->word >> 2 & 3,
                          .nested = (v->word & 28) > 16,
                          .itself = (v->word & 32) != 0};
}

static size_t table_size(struct shape shape)
{
    return 9 + 2 * shape.numbers + 8 * shape.keys + (shape.nested ? 7 : 0) +
           (shape.itself ? 11 : 0);
}

static size_t value_size(const struct value *v)
{
    switch (v->type) {
        case SENDER_CAPI_TYPE_NIL: return 1;
        case SENDER_CAPI_TYPE_TABLE: return table_size(shape_of(v));
        case SENDER_CAPI_TYPE_BOOLEAN: return 2;
        case SENDER_CAPI_TYPE_INTEGER:
            return (lua_Integer)v->word >= 0 && v->word <= 255 ? 2 : 9;
        case SENDER_CAPI_TYPE_STRING: return v->count + (v->count <= 255 ? 2 : 9);
        case SENDER_CAPI_TYPE_ARRAY: return 11 + element_size(v->element) * v->count;
        default: return 9;
    }
}

static unsigned char pattern(const struct value *v, size_t i)
{
    return (unsigned char)(v->word + i * 7);
}

static void fill(const struct value *v, void *to, size_t bytes)
{
    for (size_t i = 0; i < bytes; ++i) ((unsigned char *)to)[i] = pattern(v, i);
}

static void check_bytes(const struct value *v, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        FUZZ_CHECK(((const unsigned char *)bytes)[i] == pattern(v, i), "byte %zu differs", i);
    }
}

static void check_value(const struct value *v, const sender_capi_value *got)
{
    if (v->type == SENDER_CAPI_TYPE_TABLE || v->type == SENDER_CAPI_TYPE_NIL) {
        FUZZ_CHECK(got->type == SENDER_CAPI_TYPE_NIL, "not a nil");
        return;
    }
    if (v->type == SENDER_CAPI_TYPE_LIGHTUSERDATA) {
        FUZZ_CHECK(got->type == SENDER_CAPI_TYPE_LIGHTUSERDATA &&
                       got->ptrVal == (void *)(uintptr_t)v->word,
                   "another address");
        return;
    }
    FUZZ_CHECK(v->type == (int)got->type, "type %d, and not %d", (int)got->type, (int)v->type);
    switch (v->type) {
        case SENDER_CAPI_TYPE_BOOLEAN:
            FUZZ_CHECK((uint64_t)got->boolVal == v->word, "another boolean");
            break;
        case SENDER_CAPI_TYPE_INTEGER:
            FUZZ_CHECK(got->intVal == (lua_Integer)v->word, "another integer");
            break;
        case SENDER_CAPI_TYPE_NUMBER:
            FUZZ_CHECK(memcmp(&got->numVal, &v->word, 8) == 0, "another number");
            break;
        case SENDER_CAPI_TYPE_STRING:
            FUZZ_CHECK(got->strVal.len == v->count, "another length");
            check_bytes(v, got->strVal.ptr, v->count);
            break;
        default:
            FUZZ_CHECK(got->arrayVal.type == v->element, "another type of element");
            FUZZ_CHECK(got->arrayVal.elementSize == element_size(v->element), "another size");
            FUZZ_CHECK(got->arrayVal.elementCount == v->count, "another count");
            FUZZ_CHECK((uintptr_t)got->arrayVal.data % got->arrayVal.elementSize == 0,
                       "not aligned");
            check_bytes(v, got->arrayVal.data, v->count * got->arrayVal.elementSize);
            break;
    }
}

/* ---- writers ---- */

static void make_writer(struct writer *w)
{
    static const size_t sizes[] = {0, 1, 30, 300, 5000};
    static const float grows[] = {2, 0, 1, 0.5f, 3};
    if (w->real) receiving->freeWriter(w->real);
    float grow = grows[fuzz_pick(&input, 5)];
    w->size = sizes[fuzz_pick(&input, 5)];
    w->fixed = grow <= 0;
    w->list.count = w->list.bytes = 0;
    w->real = receiving->newWriter(w->size, grow);
    FUZZ_CHECK(w->real || has_failed(), "no writer");
}

/* Code of an addition; its value is in the list if it is 0. */
static int add_real(struct writer *w, const struct value *v)
{
    char text[2100];
    double number;
    void *elements;
    switch (v->type) {
        case SENDER_CAPI_TYPE_BOOLEAN:
            return receiving->addBooleanToWriter(w->real, (int)v->word * 77);
        case SENDER_CAPI_TYPE_INTEGER:
            return receiving->addIntegerToWriter(w->real, (lua_Integer)v->word);
        case SENDER_CAPI_TYPE_NUMBER:
            memcpy(&number, &v->word, 8);
            return receiving->addNumberToWriter(w->real, number);
        case SENDER_CAPI_TYPE_STRING:
            fill(v, text, v->count);
            return receiving->addStringToWriter(w->real, v->count ? text : NULL, v->count);
        default:
            elements = receiving->addArrayToWriter(
                w->real, (enum receiver_array_type)v->element, v->count);
            if (!elements) return -1;
            FUZZ_CHECK((uintptr_t)elements % element_size(v->element) == 0, "not aligned");
            fill(v, elements, v->count * element_size(v->element));
            return 0;
    }
}

static struct value choose_value(void)
{
    struct value v = {.type = SENDER_CAPI_TYPE_BOOLEAN};
    unsigned count;
    switch (fuzz_pick(&input, 6)) {
        case 0: v.word = fuzz_pick(&input, 2); break;
        case 1:
            v.type = SENDER_CAPI_TYPE_INTEGER;
            v.word = fuzz_byte(&input);
            break;
        case 2:
            v.type = SENDER_CAPI_TYPE_INTEGER;
            v.word = fuzz_word(&input);
            break;
        case 3:
            v.type = SENDER_CAPI_TYPE_NUMBER;
            v.word = fuzz_word(&input);
            break;
        case 4:
            v.type = SENDER_CAPI_TYPE_STRING;
            count = fuzz_byte(&input);
            v.count = count < 240 ? count : (count - 239) * 130;
            v.word = count;
            break;
        default:
            v.type = SENDER_CAPI_TYPE_ARRAY;
            v.element = (enum sender_array_type)(1 + fuzz_pick(&input, 12));
            count = fuzz_byte(&input);
            v.count = count < 240 ? count / 16 : (count - 239) * 60;
            v.word = count;
            break;
    }
    return v;
}

static void add_value(struct writer *w)
{
    struct value v = choose_value();
    if (w->list.count >= MAX_VALUES) return;
    size_t size = value_size(&v);
    int code = add_real(w, &v);
    bool fits = !w->fixed || w->list.bytes + size <= w->size;
    FUZZ_CHECK(code == 0 ? fits : !fits || has_failed(), "code %d for %zu bytes", code, size);
    if (code != 0) return;
    w->list.value[w->list.count++] = v;
    w->list.bytes += size;
}

static void add_bytes(struct writer *w)
{
    unsigned char bytes[10];
    size_t count = fuzz_pick(&input, 10);
    if (w->list.count + count > MAX_VALUES) return;
    for (size_t i = 0; i < count; ++i) bytes[i] = (unsigned char)fuzz_byte(&input);
    int code = receiving->addBytesToWriter(w->real, bytes, count);
    bool fits = !w->fixed || w->list.bytes + 2 * count <= w->size;
    FUZZ_CHECK(code == 0 ? fits : code == -1 ? !fits : has_failed(), "code %d", code);
    for (size_t i = 0; code == 0 && i < count; ++i) {
        w->list.value[w->list.count++] =
            (struct value){.type = SENDER_CAPI_TYPE_INTEGER, .word = bytes[i]};
        w->list.bytes += 2;
    }
}

static void bad_array(struct writer *w)
{
    unsigned type = fuzz_byte(&input);
    if (type >= RECEIVER_UCHAR && type <= RECEIVER_ULLONG) type = 13;
    FUZZ_CHECK(!receiving->addArrayToWriter(w->real, (enum receiver_array_type)type, 1),
               "there is no type %u", type);
    FUZZ_CHECK(!receiving->addArrayToWriter(w->real, RECEIVER_DOUBLE, SIZE_MAX / 4),
               "so much memory");
    FUZZ_CHECK(receiving->addStringToWriter(w->real, "", SIZE_MAX) != 0, "so much memory");
}

/* ---- messages ---- */

/* Calls the model's notifier: the code that the real call must have given. */
static int notified(int *connected, int calls)
{
    if (!*connected) return 0;
    notify_notifier *n = &notifiers[*connected - 1];
    FUZZ_CHECK(n->calls == calls + 1, "%d calls of a notifier", n->calls - calls);
    if (n->code == 1) *connected = 0;
    if (n->code == 0 || n->code == 1) return 0;
    char expected[80] = "Error while calling notifier: why";
    if (!n->says_why)
        snprintf(expected, sizeof expected, "Unknown error while calling notifier. (rc=%d)",
                 n->code);
    if (fuzz_failed == 0)
        FUZZ_CHECK(told.calls == 1 && strcmp(told.text, expected) == 0, "told: %s", told.text);
    return 999;
}

static int put_code(const struct buffer *b, size_t bytes, bool replace)
{
    size_t size = record_size(bytes);
    if (b->closed) return 1;
    if (b->aborted) return 2;
    if (b->fixed && size > b->size) return 5;
    if (b->fixed && !replace && b->bytes + size > b->size) return 4;
    return 0;
}

/* The code of a put; true if the message is in. */
static bool check_put(struct buffer *b, int code, const struct list *list, bool replace,
                      int calls)
{
    int expected = put_code(b, list->bytes, replace);
    if (code == 6) {
        FUZZ_CHECK(has_failed() && expected == 0 && !b->fixed, "out of memory");
        return false;
    }
    if (expected == 0) {
        if (replace) forget(b);
        append(b, list);
        expected = notified(&b->added, calls);
    }
    if (code == 999 && has_failed()) return true; /* a text that there is no memory for */
    FUZZ_CHECK(code == expected, "code %d, and not %d", code, expected);
    return code == 0 || code == 999;
}

static int calls_of(int connected)
{
    told.calls = 0;
    return connected ? notifiers[connected - 1].calls : 0;
}

static void send(struct buffer *b, struct writer *w)
{
    bool replace = fuzz_pick(&input, 4) == 3, nonblock = fuzz_pick(&input, 2) == 1;
    if (b->count >= MAX_MESSAGES) return;
    int calls = calls_of(b->added);
    int code = receiving->msgToReceiver(b->receiver, w->real, replace, nonblock, hear, &told);
    if (check_put(b, code, &w->list, replace, calls)) w->list.count = w->list.bytes = 0;
}

static void nudge(struct buffer *b)
{
    static const struct list empty;
    if (b->count >= MAX_MESSAGES) return;
    int calls = calls_of(b->added);
    int code = notifying->notify(b->notifier, hear, &told);
    check_put(b, code, &empty, false, calls);
}

static int next_message(struct buffer *b, struct reader *r, bool newer, bool nonblock,
                        double timeout)
{
    r->newer = newer;
    if (!newer)
        return sending->nextMessageFromSender(b->sender, r->real, nonblock, timeout, hear,
                                              &told);
    return walking->nextMessageFromSender(b->sender, r->real, nonblock, timeout, hear, &told);
}

static void receive_by(struct buffer *b, struct reader *r, bool newer)
{
    static const double timeouts[] = {0, 0.001, 1e9, -1, 1e300};
    bool nonblock = fuzz_pick(&input, 2) == 1;
    double timeout = timeouts[fuzz_pick(&input, 5)];
    if (!nonblock && b->count == 0 && (timeout < 0 || timeout > 1e8)) timeout = 0.5;
    int calls = calls_of(b->taken);
    int code = next_message(b, r, newer, nonblock, timeout);
    r->list.count = r->next = 0;
    r->from = NULL;
    int expected = b->closed ? 1 : b->aborted ? 2 : b->count == 0 ? 3 : 0;
    if (expected == 0 && r->fixed && b->message[0]->bytes > r->size) expected = 4;
    if (code == 5) {
        FUZZ_CHECK(has_failed() && expected == 0 && (!r->fixed || r->gave), "out of memory");
        return;
    }
    if (expected == 0) {
        r->list = *b->message[0];
        r->from = b;
        r->epoch = b->epoch;
        r->made = b->made;
        r->arrays = 0;
        remove_first(b);
        expected = notified(&b->taken, calls);
    }
    FUZZ_CHECK(code == expected || (code == 999 && has_failed()), "code %d, and not %d", code,
               expected);
}

static void receive(struct buffer *b, struct reader *r)
{
    receive_by(b, r, false);
}

/* ---- readers ---- */

static void make_reader(struct reader *r)
{
    static const size_t sizes[] = {0, 1, 30, 300, 5000};
    static const float grows[] = {2, 0, 1, 0.5f, 3};
    if (r->real) sending->freeReader(r->real);
    float grow = grows[fuzz_pick(&input, 5)];
    r->size = sizes[fuzz_pick(&input, 5)];
    r->fixed = grow <= 0;
    r->list.count = r->next = 0;
    r->newer = r->gave = false;
    r->from = NULL;
    r->real = sending->newReader(r->size, grow);
    FUZZ_CHECK(r->real || has_failed(), "no reader");
}

static void walk_value(const struct reader *r, sender_capi_value_1_1 *value, int type)
{
    walking->nextValueFromReader(r->real, value);
    FUZZ_CHECK(value->type == type, "type %d, and not %d", value->type, type);
}

/* The table has been given; what is in it comes now. */
static void walk_table(const struct reader *r, struct shape shape,
                       const sender_capi_value_1_1 *table)
{
    sender_capi_value_1_1 value;
    const size_t number = table->tableVal.number;
    FUZZ_CHECK(table->tableVal.arrayCount == shape.numbers, "another sequence");
    FUZZ_CHECK(table->tableVal.hashCount == shape.keys + shape.itself, "other pairs");
    FUZZ_CHECK((table->tableVal.shared != 0) == shape.itself, "it is shared, or is not");
    for (size_t i = 0; i < shape.numbers; ++i) {
        walk_value(r, &value, SENDER_CAPI_TYPE_INTEGER);
        FUZZ_CHECK(value.intVal == (lua_Integer)i, "another number");
    }
    for (size_t i = 0; i < shape.keys; ++i) {
        walk_value(r, &value, SENDER_CAPI_TYPE_STRING);
        FUZZ_CHECK(value.strVal.len == 4 && value.strVal.ptr[3] == (char)('0' + i),
                   "another key");
        if (i == 0 && shape.nested) {
            walk_value(r, &value, SENDER_CAPI_TYPE_TABLE);
            walk_value(r, &value, SENDER_CAPI_TYPE_END);
        } else {
            walk_value(r, &value, SENDER_CAPI_TYPE_BOOLEAN);
        }
    }
    if (shape.itself) {
        walk_value(r, &value, SENDER_CAPI_TYPE_STRING);
        walk_value(r, &value, SENDER_CAPI_TYPE_REFERENCE);
        FUZZ_CHECK(value.numberVal == number, "another table");
    }
    walk_value(r, &value, SENDER_CAPI_TYPE_END);
}

/* A value of version 1.1 but a table, as one of 1.0. */
static void check_plain(const struct value *v, const sender_capi_value_1_1 *got)
{
    sender_capi_value plain;
    memcpy(&plain, got, sizeof plain);
    check_value(v, &plain);
}

static void read_newer(struct reader *r)
{
    sender_capi_value_1_1 value;
    walking->nextValueFromReader(r->real, &value);
    if (r->next == r->list.count) {
        FUZZ_CHECK(value.type == SENDER_CAPI_TYPE_NONE, "too many values");
        return;
    }
    const struct value *v = &r->list.value[r->next++];
    FUZZ_CHECK(value.type == v->type, "type %d, and not %d", value.type, v->type);
    r->arrays += v->type == SENDER_CAPI_TYPE_ARRAY;
    if (v->type == SENDER_CAPI_TYPE_TABLE) walk_table(r, shape_of(v), &value);
    else check_plain(v, &value);
}

static void read_value(struct reader *r)
{
    sender_capi_value value;
    if (r->newer) {
        read_newer(r);
        return;
    }
    if (r->next < r->list.count)
        r->arrays += r->list.value[r->next].type == SENDER_CAPI_TYPE_ARRAY;
    sending->nextValueFromReader(r->real, &value);
    if (r->next < r->list.count) check_value(&r->list.value[r->next++], &value);
    else FUZZ_CHECK(value.type == SENDER_CAPI_TYPE_NONE, "too many values");
}

/* ---- what is new in 2.1 and 1.1 ---- */

static int add_pairs(receiver_writer *w, struct shape shape, size_t number)
{
    int code = 0;
    char key[] = "key0";
    for (size_t i = 0; code == 0 && i < shape.keys; ++i, ++key[3]) {
        code = composing->addStringToWriter(w, key, 4);
        if (code == 0 && (i > 0 || !shape.nested)) {
            code = composing->addBooleanToWriter(w, 1);
        } else if (code == 0) {
            code = composing->beginTableInWriter(w, (size_t)-1, NULL);
            if (code == 0) code = composing->endTableInWriter(w);
        }
    }
    if (code == 0 && shape.itself) code = composing->addStringToWriter(w, "self", 4);
    if (code == 0 && shape.itself) code = composing->addReferenceToWriter(w, number);
    return code;
}

static int add_real_table(receiver_writer *w, struct shape shape)
{
    size_t number = 0;
    FUZZ_CHECK(composing->endTableInWriter(w) == -3, "ended what was not begun");
    int code = composing->beginTableInWriter(w, shape.numbers, shape.itself ? &number : NULL);
    for (size_t i = 0; code == 0 && i < shape.numbers; ++i)
        code = composing->addIntegerToWriter(w, (lua_Integer)i);
    FUZZ_CHECK(code != 0 || composing->addNilToWriter(w) == -3, "nil is a key");
    if (code == 0) code = add_pairs(w, shape, number);
    return code == 0 ? composing->endTableInWriter(w) : code;
}

/* What fails in the middle is thrown away, with all that was there. */
static void add_newer(struct writer *w)
{
    struct value v = {.type = SENDER_CAPI_TYPE_TABLE, .word = fuzz_byte(&input)};
    int code;
    if (w->list.count >= MAX_VALUES) return;
    switch (fuzz_pick(&input, 4)) {
        case 0:
            v.type = SENDER_CAPI_TYPE_NIL;
            code = composing->addNilToWriter(w->real);
            break;
        case 1:
            v.type = SENDER_CAPI_TYPE_LIGHTUSERDATA;
            code = composing->addPointerToWriter(w->real, (void *)(uintptr_t)v.word);
            break;
        default: code = add_real_table(w->real, shape_of(&v)); break;
    }
    bool fits = !w->fixed || w->list.bytes + value_size(&v) <= w->size;
    bool numbered = v.type == SENDER_CAPI_TYPE_TABLE && shape_of(&v).itself && w->fixed;
    FUZZ_CHECK(code == 0 ? fits : !fits || numbered || has_failed(), "code %d", code);
    if (code == 0) {
        w->list.bytes += value_size(&v);
        w->list.value[w->list.count++] = v;
    } else if (v.type == SENDER_CAPI_TYPE_TABLE) {
        composing->clearWriter(w->real);
        w->list.count = w->list.bytes = 0;
    }
}

/* The next value of the reader, whole, to the writer. */
static void pass_on(struct reader *r, struct writer *w)
{
    sender_capi_value_1_1 value;
    if (!r->newer || r->next == r->list.count || w->list.count >= MAX_VALUES) return;
    const struct value *v = &r->list.value[r->next++];
    walking->nextValueFromReader(r->real, &value);
    FUZZ_CHECK(value.type == v->type, "type %d, and not %d", value.type, v->type);
    r->arrays += v->type == SENDER_CAPI_TYPE_ARRAY;
    int code = composing->addValueToWriter(w->real, r->real);
    bool fits = !w->fixed || w->list.bytes + value_size(v) <= w->size;
    FUZZ_CHECK(code == 0 ? fits : !fits || has_failed() || w->fixed, "code %d", code);
    if (code != 0 && v->type == SENDER_CAPI_TYPE_TABLE) walk_table(r, shape_of(v), &value);
    if (code != 0) return;
    w->list.bytes += value_size(v);
    w->list.value[w->list.count++] = *v;
}

static void put_back(struct reader *r)
{
    struct buffer *b = r->from;
    if (b && (!is_usable(b) || b->count >= MAX_MESSAGES)) return;
    int code = walking->putBackReader(r->real), expected = !b ? 3 : b->closed ? 1 : 0;
    if (b && b->epoch != r->epoch) expected = 1;
    if (b && b->made != r->made) expected = 4; /* that one is gone */
    if (code == 5 && r->fixed && r->arrays > 8) return;
    FUZZ_CHECK(code == expected, "code %d, and not %d", code, expected);
    if (code == 4) return;
    if (code == 0) insert(b, &r->list);
    r->gave = r->gave || code < 2;
    r->list.count = r->next = 0;
    r->from = NULL;
}

static void begin_again(struct reader *r)
{
    int code = walking->rewindReader(r->real);
    FUZZ_CHECK(code == 0 || code == 3 || (code == 5 && r->fixed && r->arrays > 8), "code %d",
               code);
    if (code == 0) r->next = r->arrays = 0;
}

static void use_newer(void)
{
    struct writer *w = &writers[fuzz_pick(&input, WRITERS)];
    struct reader *r = &readers[fuzz_pick(&input, READERS)];
    struct buffer *b = &buffers[fuzz_pick(&input, BUFFERS)];
    if (!w->real) make_writer(w);
    if (!r->real) make_reader(r);
    if (!w->real || !r->real) return;
    switch (fuzz_pick(&input, 8)) {
        case 0: put_back(r); break;
        case 1: begin_again(r); break;
        case 2:
        case 3:
            if (is_usable(b)) receive_by(b, r, true);
            break;
        case 4:
        case 5: pass_on(r, w); break;
        default: add_newer(w); break;
    }
}

/* ---- any of all this ---- */

static void use_writer(struct writer *w)
{
    switch (fuzz_pick(&input, 8)) {
        case 0: make_writer(w); break;
        case 1:
            if (w->real) bad_array(w);
            break;
        case 2:
            if (w->real) add_bytes(w);
            break;
        case 3:
            if (w->real) receiving->clearWriter(w->real);
            w->list.count = w->list.bytes = 0;
            break;
        default:
            if (!w->real) make_writer(w);
            if (w->real) add_value(w);
            break;
    }
}

static void use_reader(struct reader *r)
{
    unsigned what = fuzz_pick(&input, 10);
    if (what == 0 || !r->real) make_reader(r);
    if (!r->real) return;
    if (what == 1) {
        sending->clearReader(r->real);
        r->list.count = r->next = 0;
        r->from = NULL;
    } else {
        read_value(r);
    }
}

static void use_buffer(struct buffer *b)
{
    struct writer *w = &writers[fuzz_pick(&input, WRITERS)];
    struct reader *r = &readers[fuzz_pick(&input, READERS)];
    if (!is_usable(b)) {
        if (!b->notifier || b->dropped) make_buffer(b);
        return;
    }
    switch (fuzz_pick(&input, 16)) {
        case 0: drop(b); break;
        case 1: retain(b); break;
        case 2: release(b); break;
        case 3: change_state(b); break;
        case 4: connect(b); break;
        case 5: nudge(b); break;
        case 6:
        case 7:
        case 8:
        case 9:
            if (r->real) receive(b, r);
            break;
        default:
            if (w->real) send(b, w);
            break;
    }
}

static void do_something(void)
{
    unsigned what = fuzz_pick(&input, 32);
    fuzz_failed = 0;
    if (what == 31) {
        fuzz_fail_in = 1 + fuzz_pick(&input, 6);
        what = fuzz_pick(&input, 28);
        if (what < 14) use_writer(&writers[what % WRITERS]);
        else use_reader(&readers[what % READERS]);
    } else if (what == 30) {
        struct buffer *b = &buffers[fuzz_pick(&input, BUFFERS)];
        fuzz_fail_in = 1 + fuzz_pick(&input, 6);
        if (is_usable(b) && writers[0].real) send(b, &writers[0]);
        if (is_usable(b) && readers[0].real) receive(b, &readers[0]);
    } else if (what >= 26 && what <= 28) {
        use_newer();
    } else if (what == 29) {
        notify_notifier *n = &notifiers[fuzz_pick(&input, 2)];
        static const int codes[] = {0, 1, 2, 7, -3};
        n->code = codes[fuzz_pick(&input, 5)];
        n->says_why = fuzz_pick(&input, 2) == 1;
    } else if (what < 9) {
        use_writer(&writers[fuzz_pick(&input, WRITERS)]);
    } else if (what < 16) {
        use_reader(&readers[fuzz_pick(&input, READERS)]);
    } else {
        use_buffer(&buffers[fuzz_pick(&input, BUFFERS)]);
    }
    fuzz_fail_in = 0;
    fuzz_go_on();
}

/* What Lua sees is what the model has. */
static void check_counts(void)
{
    for (struct buffer *b = buffers; b < buffers + BUFFERS; ++b) {
        if (!b->notifier || b->dropped) continue;
        push_method(b, "msgcnt");
        lua_call(L, 1, 1);
        FUZZ_CHECK((size_t)lua_tointeger(L, -1) == b->count, "another number of messages");
        lua_settop(L, 0);
    }
}

/* Everything that is left comes out as it went in. */
static void drain(void)
{
    struct reader *r = &readers[0];
    if (r->real) sending->freeReader(r->real);
    *r = (struct reader){.real = sending->newReader(0, 2)};
    fuzz_failed = 0;
    for (struct buffer *b = buffers; b < buffers + BUFFERS; ++b) {
        while (is_usable(b) && !b->closed && !b->aborted && b->count > 0) {
            receive(b, r);
            while (r->next < r->list.count) read_value(r);
        }
        forget(b);
        while (b->retained > 0) release(b);
    }
}

static int set_up(lua_State *state)
{
    L = state;
    lua_pushcfunction(L, luaopen_mtmsg);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "newlistener");
    lua_call(L, 0, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "listener");
    lua_setfield(L, LUA_REGISTRYINDEX, "mtmsg");
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "buffers");
    push_module("newbuffer");
    lua_call(L, 0, 1);
    notifying = notify_get_capi(L, -1, NULL);
    receiving = receiver_get_capi(L, -1, NULL);
    sending = sender_get_capi(L, -1, NULL);
    composing = receiver_get_capi_2_1(L, -1, NULL);
    walking = sender_get_capi_1_1(L, -1, NULL);
    lua_settop(L, 0);
    return 0;
}

static int run_input(lua_State *state)
{
    L = state;
    while (!fuzz_is_over(&input)) {
        lua_settop(L, 0);
        do_something();
        lua_settop(L, 0);
        check_counts();
    }
    drain();
    return 0;
}

static void run_protected(lua_State *state, lua_CFunction function)
{
    lua_pushcfunction(state, function);
    int rc = lua_pcall(state, 0, 0, 0);
    FUZZ_CHECK(rc == 0, "%s", lua_tostring(state, -1));
    lua_settop(state, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_begin(&input, data, size);
    memset(buffers, 0, sizeof buffers);
    for (int i = 0; i < WRITERS; ++i) writers[i].real = NULL;
    for (int i = 0; i < READERS; ++i) readers[i].real = NULL;
    memset(notifiers, 0, sizeof notifiers);
    lua_State *state = luaL_newstate();
    run_protected(state, set_up);
    run_protected(state, run_input);
    for (int i = 0; i < WRITERS; ++i) {
        if (writers[i].real) receiving->freeWriter(writers[i].real);
    }
    for (int i = 0; i < READERS; ++i) {
        if (readers[i].real) sending->freeReader(readers[i].real);
    }
    lua_close(state);
    FUZZ_CHECK(notifiers[0].references == 0 && notifiers[1].references == 0,
               "a notifier is still referred to");
    fuzz_end();
    return 0;
}
