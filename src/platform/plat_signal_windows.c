/* Descriptors that are readable while they are set, on Windows, where event loops poll sockets:
 * two that are connected to each other through the machine's own address. Who sets them is not
 * its business. */
#if defined(_WIN32)

#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0602
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0602
#endif
#define WIN32_LEAN_AND_MEAN
#include "platform/plat.h"

#include <winsock2.h>

#include "platform/hidden.h"

#if defined(_MSC_VER)
#pragma comment(lib, "ws2_32.lib")
#endif

#if !defined(WSA_FLAG_NO_HANDLE_INHERIT)
#define WSA_FLAG_NO_HANDLE_INHERIT 0x80
#endif

enum {
    STRANGERS = 100, /* who may come first, before we give up */
    SENDS = 1000     /* that may be refused */
};

static SOCKET new_socket(void)
{
    return WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

static bool name_of(SOCKET from, bool peer, struct sockaddr_in *name)
{
    int size = sizeof *name;
    struct sockaddr *to = (struct sockaddr *)name;
    return (peer ? getpeername(from, to, &size) : getsockname(from, to, &size)) == 0;
}

static SOCKET new_door(struct sockaddr_in *name)
{
    const BOOL yes = TRUE;
    SOCKET door = new_socket();
    *name =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (door == INVALID_SOCKET) return door;
    if (setsockopt(door, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&yes, sizeof yes) ==
            0 &&
        bind(door, (struct sockaddr *)name, sizeof *name) == 0 && listen(door, 8) == 0 &&
        name_of(door, false, name)) {
        return door;
    }
    closesocket(door);
    return INVALID_SOCKET;
}

/* Lets in whoever has our own name at the other end, and nobody else. */
static SOCKET let_in(SOCKET door, const struct sockaddr_in *own)
{
    struct sockaddr_in peer;
    for (int i = 0; i < STRANGERS; ++i) {
        SOCKET visitor = accept(door, NULL, NULL);
        if (visitor == INVALID_SOCKET) break;
        if (name_of(visitor, true, &peer) && peer.sin_port == own->sin_port &&
            peer.sin_addr.s_addr == own->sin_addr.s_addr) {
            SetHandleInformation((HANDLE)visitor, HANDLE_FLAG_INHERIT, 0);
            return visitor;
        }
        closesocket(visitor);
    }
    return INVALID_SOCKET;
}

static bool configure(SOCKET socket)
{
    const BOOL yes = TRUE;
    u_long nonblocking = 1;
    return ioctlsocket(socket, (long)FIONBIO, &nonblocking) == 0 &&
           setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes) == 0;
}

static bool connect_pair(SOCKET door, const struct sockaddr_in *name, SOCKET pair[2])
{
    struct sockaddr_in own;
    pair[1] = new_socket();
    if (pair[1] == INVALID_SOCKET) return false;
    if (connect(pair[1], (const struct sockaddr *)name, sizeof *name) == 0 &&
        name_of(pair[1], false, &own)) {
        pair[0] = let_in(door, &own);
        if (pair[0] != INVALID_SOCKET) {
            if (configure(pair[0]) && configure(pair[1])) return true;
            closesocket(pair[0]);
        }
    }
    closesocket(pair[1]);
    return false;
}

static const char *text_of(int error)
{
    switch (error) {
        case WSAEMFILE: return "too many open sockets in this process";
        case WSAENETDOWN: return "the network subsystem has failed";
        case WSAENOBUFS: return "the system has no memory for it";
        default: return "no connection to itself through 127.0.0.1";
    }
}

bool mtm_plat_signal_open(struct mtm_signal *signal, const char **why)
{
    WSADATA data;
    struct sockaddr_in name;
    SOCKET pair[2];
    int error = WSAStartup(MAKEWORD(2, 2), &data);
    if (error != 0) {
        *why = "there are no sockets here";
        return false;
    }
    SOCKET door = new_door(&name);
    bool made = door != INVALID_SOCKET && connect_pair(door, &name, pair);
    error = WSAGetLastError();
    if (door != INVALID_SOCKET) closesocket(door);
    if (!made) {
        *why = text_of(error);
        WSACleanup();
        return false;
    }
    signal->reading = (intptr_t)pair[0];
    signal->writing = (intptr_t)pair[1];
    return true;
}

void mtm_plat_signal_close(struct mtm_signal *signal)
{
    closesocket((SOCKET)signal->writing);
    closesocket((SOCKET)signal->reading);
    signal->reading = signal->writing = -1;
    WSACleanup();
}

intptr_t mtm_plat_signal_descriptor(const struct mtm_signal *signal)
{
    return signal->reading;
}

static bool is_readable(const struct mtm_signal *signal)
{
    u_long count = 0;
    return ioctlsocket((SOCKET)signal->reading, (long)FIONREAD, &count) == 0 && count > 0;
}

/* What does not fit into a full connection is not needed: it is readable. But Wine also refuses
 * a byte while another thread is in the midst of sending one, which may be gone by now. */
bool mtm_plat_signal_set(struct mtm_signal *signal)
{
    const int error = WSAGetLastError();
    bool set = false;
    for (int i = 0; i < SENDS && !set; ++i) {
        if (i > 0) SwitchToThread();
        set = send((SOCKET)signal->writing, "!", 1, 0) == 1;
        if (!set && WSAGetLastError() != WSAEWOULDBLOCK) break;
        if (!set) set = is_readable(signal);
    }
    WSASetLastError(error);
    return set;
}

void mtm_plat_signal_unset(struct mtm_signal *signal)
{
    char bytes[64];
    const int error = WSAGetLastError();
    while (recv((SOCKET)signal->reading, bytes, sizeof bytes, 0) > 0) continue;
    WSASetLastError(error);
}

#else
typedef int mtm_plat_signal_windows_is_not_used_here;
#endif
