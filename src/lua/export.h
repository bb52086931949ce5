/* What the shared library shows to the outside; everything else is hidden. The static library
 * shows nothing more: whatever it is linked into does not export what it only uses. */
#ifndef MTL_EXPORT_H
#define MTL_EXPORT_H

#if defined(MTM_STATIC)
#define MTM_EXPORT
#elif defined(_WIN32)
#define MTM_EXPORT __declspec(dllexport)
#else
#define MTM_EXPORT __attribute__((visibility("default")))
#endif

#endif
