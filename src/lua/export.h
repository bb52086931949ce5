/* What the shared library shows to the outside; everything else is hidden. */
#ifndef MTM_LUA_EXPORT_H
#define MTM_LUA_EXPORT_H

#if defined(_WIN32)
#define MTM_EXPORT __declspec(dllexport)
#else
#define MTM_EXPORT __attribute__((visibility("default")))
#endif

#endif
