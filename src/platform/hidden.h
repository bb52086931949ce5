/* Hides what the source that includes it defines from whoever uses the shared library, however
 * that was built: a rock, for one, cannot ask for -fvisibility=hidden. What is to be seen all
 * the same is no matter of its own (lua/export.h).
 *
 * It stands after all other headers: what those of the system declare must stay visible. */
#ifndef MTM_PLATFORM_HIDDEN_H
#define MTM_PLATFORM_HIDDEN_H

#if defined(__GNUC__) && !defined(_WIN32) && !defined(__CYGWIN__)
#pragma GCC visibility push(hidden)
#endif

#endif
