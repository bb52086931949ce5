/* Fuzz target: bytes that anybody may send. What the decoder takes must be what libmsgpack
 * takes, but for what the page says is refused; what it builds is packed again and must be the
 * same values. */
#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>
#include <mtmsg/mtmsg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/pack.h"
#include "../src/unpack.h"

enum { MOST_VALUES = 2000 };

static const receiver_capi_2_1 *to;
static const sender_capi_1_1 *from;
static receiver_object *in;
static sender_object *out;
static receiver_writer *writer;
static sender_reader *reader;
static struct mtn_packer packer;

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);            \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

static void set_up(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "mtmsg", luaopen_mtmsg, 1);
    CHECK(luaL_dostring(L, "b = mtmsg.newbuffer('fuzz')") == 0);
    to = mtmsg_receiver_capi();
    from = mtmsg_sender_capi();
    in = mtmsg_receiver_by_name("fuzz", 4, NULL);
    out = mtmsg_sender_by_name("fuzz", 4, NULL);
    writer = to->newWriter(64, 2);
    reader = from->newReader(64, 2);
    mtn_packer_init(&packer, 1 << 22);
}

/* Whether libmsgpack reads all of it as one array, and nothing behind it. */
static bool is_one_array(const uint8_t *data, size_t size)
{
    msgpack_unpacked result;
    size_t at = 0;
    msgpack_unpacked_init(&result);
    bool is =
        msgpack_unpack_next(&result, (const char *)data, size, &at) == MSGPACK_UNPACK_SUCCESS &&
        at == size && result.data.type == MSGPACK_OBJECT_ARRAY;
    msgpack_unpacked_destroy(&result);
    return is;
}

/* The message is sent, taken, packed, unpacked and packed once more. */
static void there_and_back(void)
{
    CHECK(to->msgToReceiver(in, writer, 0, 0, NULL, NULL) == 0);
    CHECK(from->nextMessageFromSender(out, reader, 1, 0, NULL, NULL) == 0);
    const char *why = mtn_pack(&packer, from, reader);
    CHECK(!why || strcmp(why, "the message is too large") == 0);
    if (why) return;
    const size_t size = packer.size;
    char *copy = malloc(size);
    memcpy(copy, mtn_packed(&packer, packer.at), size);
    CHECK(is_one_array((const uint8_t *)copy, size));
    to->clearWriter(writer);
    CHECK(!mtn_unpack(copy, size, SIZE_MAX, to, writer));
    CHECK(to->msgToReceiver(in, writer, 0, 0, NULL, NULL) == 0);
    CHECK(from->nextMessageFromSender(out, reader, 1, 0, NULL, NULL) == 0);
    CHECK(!mtn_pack(&packer, from, reader));
    CHECK(packer.size == size && memcmp(mtn_packed(&packer, packer.at), copy, size) == 0);
    mtn_packer_clear(&packer);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!to) set_up();
    uint8_t *exact = malloc(size + 1); /* so that what lies behind is noticed */
    memcpy(exact, data, size);
    to->clearWriter(writer);
    const char *why = mtn_unpack(exact, size, MOST_VALUES, to, writer);
    CHECK(why || mtn_is_packed(exact, size));
    if (!why) {
        CHECK(is_one_array(exact, size));
        there_and_back();
    }
    free(exact);
    return 0;
}
