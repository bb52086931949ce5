-- Builds the module from a checkout: luarocks make. A test compares the list of sources with the files.
rockspec_format = "3.0"
package = "mtmsg"
version = "scm-0"
source = {
    url = "git+file://.",
}
description = {
    summary = "Message buffers between threads",
    detailed = [[
        Buffers that any thread can add messages to and receive messages from, and listeners that receive from
        many buffers in turn. Independent of the threading library; with C APIs for native modules.
    ]],
    license = "MIT",
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
        windows = {
            modules = {
                mtmsg = {
                    libraries = { "synchronization" },
                },
            },
        },
    },
    copy_directories = { "docs", "examples", "include" },
}
