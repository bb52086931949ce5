/* The yardstick: the queue that somebody would write in an afternoon. A mutex, a condition
 * variable and one growable ring of bytes for each buffer, tags and memcpy, under the names of
 * the library's calls; what it leaves out are sizes, closing, aborting, writers, and safety: an
 * error while values are pushed leaves the mutex taken. No workload may be slower than this. */
#include "naive_ring.h"

#include <errno.h>
#include <pthread.h>

/* A buffer or a listener. A buffer of a listener uses that one's mutex. */
struct object {
    pthread_mutex_t own, *mutex;
    pthread_cond_t cond;
    struct ring ring;        /* guarded by mutex, as what follows */
    struct object *first;    /* a listener's buffers with messages, in turn */
    struct object **last;    /* the end of this list */
    struct object *next;     /* in this list */
    struct object *listener; /* or NULL */
    int ready, is_listener;  /* ready: in that list */
    int refs;                /* guarded by registry.mutex, as what follows */
    struct object *in_slot;  /* the next one there */
    uint64_t id;
    char *name; /* or NULL */
};

static struct {
    pthread_mutex_t mutex;
    struct object **slots; /* by id */
    size_t slot_count, count;
    uint64_t last_id;
} registry = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const char buffer_class[] = "naive.buffer", listener_class[] = "naive.listener";

static const char *class_of(int is_listener)
{
    return is_listener ? listener_class : buffer_class;
}

/* ---- adding and receiving ---- */

static struct object *check(lua_State *L, int is_listener)
{
    return *(struct object **)luaL_checkudata(L, 1, class_of(is_listener));
}

/* With the listener's mutex taken. */
static void line_up(struct object *object)
{
    struct object *listener = object->listener;
    object->ready = 1;
    object->next = NULL;
    *listener->last = object;
    listener->last = &object->next;
}

static struct object *next_ready(struct object *listener)
{
    struct object *object = listener->first;
    if (!object) return NULL;
    listener->first = object->next;
    if (!listener->first) listener->last = &listener->first;
    object->ready = 0;
    return object;
}

static int naive_addmsg(lua_State *L)
{
    struct object *object = check(L, 0), *listener = object->listener;
    const int top = lua_gettop(L);
    const struct header header = {size_of(L, top), top - 1};
    pthread_mutex_lock(object->mutex);
    char *to = ring_reserve(&object->ring, header.size);
    if (!to) {
        pthread_mutex_unlock(object->mutex);
        return luaL_error(L, "not enough memory");
    }
    to = put(to, &header, sizeof header);
    for (int i = 2; i <= top; ++i) to = encode(L, i, to);
    object->ring.tail += header.size;
    ++object->ring.count;
    if (listener && !object->ready) line_up(object);
    pthread_mutex_unlock(object->mutex);
    pthread_cond_signal(&object->cond);
    if (listener) pthread_cond_signal(&listener->cond);
    lua_pushboolean(L, 1);
    return 1;
}

/* The buffer to take from: the object itself, or one of the listener's. */
static struct object *with_message(struct object *object)
{
    if (!object->is_listener) return object->ring.count > 0 ? object : NULL;
    struct object *buffer;
    do buffer = next_ready(object);
    while (buffer && buffer->ring.count == 0);
    return buffer;
}

/* With the mutex taken, which it gives back. */
static int take(lua_State *L, struct object *object)
{
    struct header header;
    const char *from = get(object->ring.bytes + object->ring.head, &header, sizeof header);
    if (header.values > LUA_MINSTACK / 2 && !lua_checkstack(L, header.values)) {
        pthread_mutex_unlock(object->mutex);
        return luaL_error(L, "too many values");
    }
    for (int i = 0; i < header.values; ++i) from = decode(L, from);
    ring_drop(&object->ring, header.size);
    if (object->listener && !object->ready && object->ring.count > 0) line_up(object);
    pthread_mutex_unlock(object->mutex);
    return header.values;
}

static struct timespec deadline_in(double seconds)
{
    const int64_t at = probe_ns() + (seconds > 0 ? (int64_t)(seconds * 1e9) : 0);
    return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}

static int receive(lua_State *L, struct object *object)
{
    const int limited = !lua_isnoneornil(L, 2);
    struct object *buffer;
    struct timespec deadline = {0};
    if (limited) deadline = deadline_in((double)luaL_checknumber(L, 2));
    pthread_mutex_lock(object->mutex);
    while (!(buffer = with_message(object))) {
        if (!limited) {
            pthread_cond_wait(&object->cond, object->mutex);
        } else if (pthread_cond_timedwait(&object->cond, object->mutex, &deadline) ==
                   ETIMEDOUT) {
            pthread_mutex_unlock(object->mutex);
            return 0;
        }
    }
    return take(L, buffer);
}

static int buffer_nextmsg(lua_State *L)
{
    return receive(L, check(L, 0));
}

static int listener_nextmsg(lua_State *L)
{
    return receive(L, check(L, 1));
}

static int buffer_msgcnt(lua_State *L)
{
    struct object *object = check(L, 0);
    pthread_mutex_lock(object->mutex);
    lua_pushinteger(L, (lua_Integer)object->ring.count);
    pthread_mutex_unlock(object->mutex);
    return 1;
}

/* ---- creating, finding, releasing ---- */

/* With the registry's mutex taken, as the next three. */
static void link(struct object *object)
{
    struct object **slot = &registry.slots[object->id & (registry.slot_count - 1)];
    object->in_slot = *slot;
    *slot = object;
}

static void registry_grow(void)
{
    struct object **old = registry.slots;
    const size_t old_count = registry.slot_count;
    registry.slot_count = old_count ? 2 * old_count : 64;
    registry.slots = calloc(registry.slot_count, sizeof *registry.slots);
    if (!registry.slots) abort();
    for (size_t i = 0; i < old_count; ++i) {
        for (struct object *object = old[i], *next; object; object = next) {
            next = object->in_slot;
            link(object);
        }
    }
    free(old);
}

static struct object *find_id(uint64_t id)
{
    if (!registry.slots) return NULL;
    struct object *object = registry.slots[id & (registry.slot_count - 1)];
    while (object && object->id != id) object = object->in_slot;
    return object;
}

static struct object *find_name(const char *name, int is_listener)
{
    for (size_t i = 0; i < registry.slot_count; ++i) {
        for (struct object *object = registry.slots[i]; object; object = object->in_slot) {
            if (object->is_listener == is_listener && object->name &&
                strcmp(object->name, name) == 0)
                return object;
        }
    }
    return NULL;
}

static int new_reference(lua_State *L, struct object *object, int is_listener)
{
    *(struct object **)lua_newuserdata(L, sizeof object) = object;
    luaL_getmetatable(L, class_of(is_listener));
    lua_setmetatable(L, -2);
    return 1;
}

static int create(lua_State *L, struct object *listener, int is_listener, int name_index)
{
    const char *name = luaL_optstring(L, name_index, NULL);
    struct object *object = calloc(1, sizeof *object);
    pthread_condattr_t attr;
    if (!object) return luaL_error(L, "not enough memory");
    pthread_mutex_init(&object->own, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&object->cond, &attr);
    object->mutex = listener ? listener->mutex : &object->own;
    object->last = &object->first;
    object->listener = listener;
    object->is_listener = is_listener;
    object->refs = 1;
    object->name = name ? strdup(name) : NULL;
    pthread_mutex_lock(&registry.mutex);
    if (registry.count++ == registry.slot_count) registry_grow();
    object->id = ++registry.last_id;
    link(object);
    if (listener) ++listener->refs;
    pthread_mutex_unlock(&registry.mutex);
    return new_reference(L, object, is_listener);
}

static int find(lua_State *L, int is_listener)
{
    struct object *object;
    const int by_id = lua_type(L, 1) == LUA_TNUMBER;
    const uint64_t id = by_id ? (uint64_t)lua_tonumber(L, 1) : 0;
    const char *name = by_id ? NULL : luaL_checkstring(L, 1);
    pthread_mutex_lock(&registry.mutex);
    object = by_id ? find_id(id) : find_name(name, is_listener);
    if (object && object->is_listener == is_listener) ++object->refs;
    else object = NULL;
    pthread_mutex_unlock(&registry.mutex);
    return object ? new_reference(L, object, is_listener) : luaL_error(L, "unknown object");
}

/* Nobody else has it. Its messages are lost. */
static void destroy(struct object *object)
{
    if (object->listener) {
        pthread_mutex_lock(object->mutex);
        struct object **at = &object->listener->first;
        while (*at && *at != object) at = &(*at)->next;
        if (*at) {
            *at = object->next;
            if (!*at) object->listener->last = at;
        }
        pthread_mutex_unlock(object->mutex);
    }
    pthread_cond_destroy(&object->cond);
    pthread_mutex_destroy(&object->own);
    free(object->ring.bytes);
    free(object->name);
    free(object);
}

static void release(struct object *object)
{
    struct object *listener = object->listener, **at;
    pthread_mutex_lock(&registry.mutex);
    const int last = --object->refs == 0;
    if (last) {
        at = &registry.slots[object->id & (registry.slot_count - 1)];
        while (*at != object) at = &(*at)->in_slot;
        *at = object->in_slot;
        --registry.count;
    }
    pthread_mutex_unlock(&registry.mutex);
    if (!last) return;
    destroy(object);
    if (listener) release(listener);
}

static int reference_gc(lua_State *L)
{
    struct object **reference = lua_touserdata(L, 1);
    if (*reference) release(*reference);
    *reference = NULL;
    return 0;
}

static int reference_id(lua_State *L)
{
    struct object **reference = lua_touserdata(L, 1);
    lua_pushinteger(L, (lua_Integer)(*reference)->id);
    return 1;
}

static int new_buffer(lua_State *L)
{
    return create(L, NULL, 0, 1);
}

static int new_listener(lua_State *L)
{
    return create(L, NULL, 1, 1);
}

static int listener_newbuffer(lua_State *L)
{
    return create(L, check(L, 1), 0, 2);
}

static int find_buffer(lua_State *L)
{
    return find(L, 0);
}

static int find_listener(lua_State *L)
{
    return find(L, 1);
}

/* ---- the module ---- */

static const luaL_Reg buffer_methods[] = {
    {"addmsg", naive_addmsg},
    {"nextmsg", buffer_nextmsg},
    {"msgcnt", buffer_msgcnt},
    {"id", reference_id},
    {NULL, NULL},
};

static const luaL_Reg listener_methods[] = {
    {"newbuffer", listener_newbuffer},
    {"nextmsg", listener_nextmsg},
    {"id", reference_id},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"newbuffer", new_buffer},
    {"buffer", find_buffer},
    {"newlistener", new_listener},
    {"listener", find_listener},
    {NULL, NULL},
};

static void open_class(lua_State *L, int is_listener)
{
    luaL_newmetatable(L, class_of(is_listener));
    lua_pushcfunction(L, reference_gc);
    lua_setfield(L, -2, "__gc");
    probe_open(L, is_listener ? listener_methods : buffer_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

PROBE_EXPORT int luaopen_naive(lua_State *L);
PROBE_EXPORT int luaopen_naive(lua_State *L)
{
    open_class(L, 0);
    open_class(L, 1);
    return probe_open(L, functions);
}
