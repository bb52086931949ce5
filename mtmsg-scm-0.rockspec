-- Builds the module from a checkout: luarocks make. A test compares the list of sources with the files.
rockspec_format = "3.0"
package = "mtmsg"
version = "scm-0"
source = {
    url = "git+https://example.org/mtmsg.git",
}
description = {
    summary = "Message buffers between threads",
    detailed = [[
        Buffers that any thread can add messages to and receive messages from, and listeners that receive from
        many buffers in turn. Independent of the threading library; with C APIs for native modules.
    ]],
    license = "MIT",
    homepage = "https://example.org/mtmsg",
    issues_url = "https://example.org/mtmsg/issues",
    maintainer = "mtmsg authors <mtmsg@example.org>",
    labels = { "multithreading" },
}
dependencies = {
    "lua >= 5.1, < 5.6",
}
build = {
    type = "builtin",
    modules = {
        mtmsg = {
            sources = {
                "src/platform/plat_image.c",
                "src/platform/plat_linux.c",
                "src/platform/plat_pthread.c",
                "src/platform/plat_unix.c",
                "src/platform/plat_windows.c",
                "src/core/abort_all.c",
                "src/core/alloc.c",
                "src/core/bell.c",
                "src/core/block.c",
                "src/core/bound.c",
                "src/core/buffer.c",
                "src/core/buffer_notifier.c",
                "src/core/buffer_take.c",
                "src/core/compose.c",
                "src/core/copy_value.c",
                "src/core/drop.c",
                "src/core/failure.c",
                "src/core/id_set.c",
                "src/core/index.c",
                "src/core/life.c",
                "src/core/listener.c",
                "src/core/listener_rest.c",
                "src/core/listener_take.c",
                "src/core/lock.c",
                "src/core/members.c",
                "src/core/name.c",
                "src/core/notifier.c",
                "src/core/notify.c",
                "src/core/object.c",
                "src/core/pool.c",
                "src/core/process.c",
                "src/core/publish.c",
                "src/core/queue.c",
                "src/core/queue_memory.c",
                "src/core/queue_take.c",
                "src/core/reader.c",
                "src/core/ready.c",
                "src/core/receive.c",
                "src/core/reference.c",
                "src/core/registry.c",
                "src/core/room.c",
                "src/core/running.c",
                "src/core/segment.c",
                "src/core/send.c",
                "src/core/sleep.c",
                "src/core/source.c",
                "src/core/spin.c",
                "src/core/status.c",
                "src/core/topic.c",
                "src/core/wait.c",
                "src/core/waiters.c",
                "src/core/walk.c",
                "src/core/wire.c",
                "src/core/writer.c",
                "src/capi/foreign.c",
                "src/capi/host.c",
                "src/capi/install.c",
                "src/capi/notify_api.c",
                "src/capi/receiver_api.c",
                "src/capi/sender_api.c",
                "src/ffi/ffi.c",
                "src/lua/args.c",
                "src/lua/arrays.c",
                "src/lua/buffer.c",
                "src/lua/by_name.c",
                "src/lua/decode.c",
                "src/lua/decode_deep.c",
                "src/lua/draft.c",
                "src/lua/encode.c",
                "src/lua/encode_deep.c",
                "src/lua/errors.c",
                "src/lua/functions.c",
                "src/lua/levels.c",
                "src/lua/listener.c",
                "src/lua/module.c",
                "src/lua/named.c",
                "src/lua/object.c",
                "src/lua/options.c",
                "src/lua/place.c",
                "src/lua/protect.c",
                "src/lua/reader.c",
                "src/lua/receive.c",
                "src/lua/state.c",
                "src/lua/tostring.c",
                "src/lua/topic.c",
                "src/lua/transfer.c",
                "src/lua/writer.c",
            },
            defines = { "NDEBUG" },
            incdirs = { "src", "include" },
        },
    },
    platforms = {
        unix = {
            modules = {
                mtmsg = {
                    libraries = { "pthread" },
                },
            },
        },
        linux = {
            modules = {
                mtmsg = {
                    libraries = { "pthread", "dl" },
                },
            },
        },
        windows = {
            modules = {
                mtmsg = {
                    libraries = { "synchronization" },
                },
            },
        },
    },
    copy_directories = { "docs", "editor", "examples", "include" },
}
