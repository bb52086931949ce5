/*
 * Owns a second declaration of the Notify, Receiver and Sender structs, as a module in the
 * field that was compiled years ago has them. It takes nothing from the project's headers:
 * where the two drift apart the tests that use this one fail.
 */
#ifndef TESTS_NATIVE_OLD_CLIENT_H
#define TESTS_NATIVE_OLD_CLIENT_H

#include <lua.h>
#include <stddef.h>

typedef void (*old_handler)(void *, const char *, size_t);

struct old_notify {
    int version[3];
    void *next;
    void *(*to)(lua_State *, int);
    void (*retain)(void *);
    void (*release)(void *);
    int (*notify)(void *, old_handler, void *);
};

struct old_receiver {
    int version[3];
    void *next;
    void *(*to)(lua_State *, int);
    void (*retain)(void *);
    void (*release)(void *);
    void *(*new_writer)(size_t, float);
    void (*free_writer)(void *);
    int (*send)(void *, void *, int, int, old_handler, void *);
    void (*clear)(void *);
    int (*add_boolean)(void *, int);
    int (*add_integer)(void *, lua_Integer);
    int (*add_number)(void *, lua_Number);
    int (*add_string)(void *, const char *, size_t);
    int (*add_bytes)(void *, const unsigned char *, size_t);
    void *(*add_array)(void *, int, size_t);
};

struct old_value {
    int type;
    union {
        int boolean;
        lua_Integer integer;
        lua_Number number;
        void *pointer;
        lua_CFunction function;
        struct {
            const char *ptr;
            size_t len;
        } string;
        struct {
            int type;
            size_t size;
            size_t count;
            const void *data;
        } array;
    } is;
};

struct old_sender {
    int version[3];
    void *next;
    void *(*to)(lua_State *, int);
    void (*retain)(void *);
    void (*release)(void *);
    void *(*new_reader)(size_t, float);
    void (*free_reader)(void *);
    void (*clear)(void *);
    void (*next_value)(void *, struct old_value *);
    int (*receive)(void *, void *, int, double, old_handler, void *);
};

#endif
