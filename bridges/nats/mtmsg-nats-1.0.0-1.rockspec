-- Builds the bridge to NATS of this release.
rockspec_format = "3.0"
package = "mtmsg-nats"
version = "1.0.0-1"
source = {
    url = "git+https://example.org/mtmsg.git",
    tag = "v1.0.0",
}
description = {
    summary = "Message buffers over NATS",
    detailed = [[
        Connects the buffers of mtmsg with the subjects and streams of NATS: what is added to a buffer in one process
        is received from a buffer in another one, on whichever machine.
    ]],
    license = "MIT",
    homepage = "https://example.org/mtmsg",
    issues_url = "https://example.org/mtmsg/issues",
    maintainer = "mtmsg authors <mtmsg@example.org>",
    labels = { "multithreading", "network" },
}
dependencies = {
    "lua >= 5.1, < 5.6",
    "mtmsg",
}
external_dependencies = {
    NATS = { header = "nats/nats.h", library = "nats" },
    MSGPACK = { header = "msgpack.h" },
}
build = {
    type = "builtin",
    modules = {
        ["mtmsg.nats"] = {
            sources = {
                "bridges/nats/src/array.c",
                "bridges/nats/src/conn.c",
                "bridges/nats/src/export.c",
                "bridges/nats/src/flush.c",
                "bridges/nats/src/import.c",
                "bridges/nats/src/module.c",
                "bridges/nats/src/newstream.c",
                "bridges/nats/src/options.c",
                "bridges/nats/src/pack.c",
                "bridges/nats/src/pin.c",
                "bridges/nats/src/port.c",
                "bridges/nats/src/ports.c",
                "bridges/nats/src/request.c",
                "bridges/nats/src/stream.c",
                "bridges/nats/src/text.c",
                "bridges/nats/src/unpack.c",
            },
            defines = { "NDEBUG", "_GNU_SOURCE" },
            incdirs = { "include", "$(NATS_INCDIR)", "$(MSGPACK_INCDIR)" },
            libdirs = { "$(NATS_LIBDIR)" },
            libraries = { "nats", "pthread" },
        },
    },
}
