/* Tests of what programs use that mtmsg is linked into: buffers by id and by name without a Lua
 * state, and states that refuse functions. It is such a program, and prints TAP. */
#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>
#include <mtmsg/mtmsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count, failed;

static void ok(int condition, const char *what)
{
    printf("%sok %d - %s\n", condition ? "" : "not ", ++count, what);
    if (!condition) ++failed;
}

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_pushcfunction(L, luaopen_mtmsg);
    lua_call(L, 0, 1);
    lua_setglobal(L, "mtmsg");
    return L;
}

/* Runs the code: NULL, or its error. */
static const char *run(lua_State *L, const char *code)
{
    if (luaL_loadstring(L, code) == 0 && lua_pcall(L, 0, 0, 0) == 0) return NULL;
    return lua_tostring(L, -1);
}

static double number(lua_State *L, const char *global)
{
    lua_getglobal(L, global);
    double value = (double)lua_tonumber(L, -1);
    lua_pop(L, 1);
    return value;
}

static void buffers_are_found(lua_State *L)
{
    const receiver_capi_2_1 *to = mtmsg_receiver_capi();
    const sender_capi_1_1 *from = mtmsg_sender_capi();
    const notify_capi *bell = mtmsg_notify_capi();
    enum mtmsg_why why = MTMSG_UNKNOWN;
    ok(!run(L, "b = mtmsg.newbuffer('jobs'); id = b:id()"), "a script makes a buffer");
    receiver_object *receiver = mtmsg_receiver_by_name("jobs", 4, &why);
    ok(receiver && why == MTMSG_FOUND, "a receiver is found by name");
    sender_object *sender = mtmsg_sender_by_id(number(L, "id"), NULL);
    ok(sender != NULL, "a sender is found by id");
    notify_notifier *notifier = mtmsg_notifier_by_id(number(L, "id"), &why);
    ok(notifier && bell->notify(notifier, NULL, NULL) == 0, "a notifier is found by id");
    bell->releaseNotifier(notifier);
    ok(!run(L, "assert(b:nextmsg(0) == nil and b:msgcnt() == 0)"), "and notifies the script");

    receiver_writer *w = to->newWriter(100, 2);
    ok(to->addStringToWriter(w, "hello", 5) == 0 &&
           to->msgToReceiver(receiver, w, 0, 0, NULL, NULL) == 0 &&
           !run(L, "assert(b:nextmsg(0) == 'hello'); b:addmsg({1}); b = nil; collectgarbage()"),
       "messages go to the script");
    to->freeWriter(w);
    sender_reader *r = from->newReader(100, 2);
    sender_capi_value_1_1 value;
    ok(from->nextMessageFromSender(sender, r, 0, 0, NULL, NULL) == 0, "and come from there");
    from->nextValueFromReader(r, &value);
    ok(value.type == SENDER_CAPI_TYPE_TABLE && value.tableVal.arrayCount == 1, "with tables");
    from->freeReader(r);
    ok(!run(L, "assert(mtmsg.buffer('jobs'):id() == id); collectgarbage()"),
       "while they are held they exist");
    to->releaseReceiver(receiver);
    from->releaseSender(sender);
    ok(!mtmsg_sender_by_name("jobs", 4, &why) && why == MTMSG_UNKNOWN, "and then no more");
}

static void reasons_are_told(lua_State *L)
{
    enum mtmsg_why why = MTMSG_FOUND;
    static const double none[] = {0, -1, 0.5, 1e300, 17};
    for (size_t i = 0; i < sizeof none / sizeof *none; ++i) {
        why = MTMSG_FOUND;
        ok(!mtmsg_receiver_by_id(none[i], &why) && why == MTMSG_UNKNOWN, "it is no id");
    }
    run(L, "one, two = mtmsg.newbuffer('two'), mtmsg.newbuffer('two')");
    ok(!mtmsg_notifier_by_name("two", 3, &why) && why == MTMSG_AMBIGUOUS,
       "a name of two buffers");
    run(L, "mtmsg.abort()");
    ok(!mtmsg_sender_by_name("one", 3, &why) && why == MTMSG_ABORTED, "everything is aborted");
    run(L, "mtmsg.abort(false)");
    run(L, "t = mtmsg.newtopic('news'); s = t:subscribe()");
    receiver_object *topic = mtmsg_receiver_by_name("news", 4, &why);
    ok(topic && !mtmsg_sender_by_name("news", 4, NULL), "a topic is a receiver, and no sender");
    receiver_writer *w = mtmsg_receiver_capi()->newWriter(10, 2);
    ok(mtmsg_receiver_capi()->putToReceiver(topic, w, -1, NULL, NULL) == 0 &&
           !run(L, "assert(s:msgcnt() == 1)"),
       "whose subscribers get messages");
    mtmsg_receiver_capi()->finishReceiver(topic);
    ok(mtmsg_receiver_capi()->putToReceiver(topic, w, 0, NULL, NULL) == 1,
       "until it is finished");
    mtmsg_receiver_capi()->freeWriter(w);
    mtmsg_receiver_capi()->releaseReceiver(topic);
    run(L, "l = mtmsg.newlistener('ears')");
    ok(!mtmsg_sender_by_name("ears", 4, &why) && why == MTMSG_UNKNOWN,
       "a listener is no sender");
}

static void functions_are_refused(void)
{
    lua_State *L = new_state(), *other = new_state();
    int top = lua_gettop(L);
    mtmsg_refuse_functions(L);
    ok(lua_gettop(L) == top, "refusing leaves the stack as it was");
    ok(!run(other, "jobs = mtmsg.newbuffer('functions'); jobs:addmsg(function() end)"),
       "another state sends a function");
    const char *why = run(L, "mtmsg.buffer('functions'):nextmsg(0)");
    ok(why && strstr(why, "refuses functions"), "this one refuses it");
    why = run(L, "assert(mtmsg.functions() == false); mtmsg.functions(true)");
    ok(why && strstr(why, "for good"), "for good");
    ok(!run(L, "mtmsg.functions(false)"), "which may be said again");
    ok(!run(other, "assert(type(jobs:nextmsg(0)) == 'function')"), "the message has stayed");
    lua_close(L);
    lua_close(other);
}

static void polling_is_turned_off(void)
{
    lua_State *L = new_state();
    mtmsg_set_polling(0);
    lua_State *other = new_state();
    ok(!run(L, "b = mtmsg.newbuffer() assert(not b:nextmsg(0.001)) b:addmsg(1)") &&
           !run(L, "assert(b:nextmsg() == 1)"),
       "without polling, messages come all the same");
    ok(!run(other, "assert(mtmsg._INFO:find('polling:off'))"), "and the module says so");
    mtmsg_set_polling(1);
    ok(!run(L, "assert(not b:nextmsg(0.001))"), "polling is turned on again");
    lua_close(L);
    lua_close(other);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    lua_State *L = new_state();
    buffers_are_found(L);
    reasons_are_told(L);
    lua_close(L);
    functions_are_refused();
    polling_is_turned_off();
    printf("1..%d\n", count);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
