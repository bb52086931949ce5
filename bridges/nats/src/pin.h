/* Keeps the library in memory: threads of NATS's client run in it and beyond the last
 * connection, whichever Lua state has loaded it and is closed. */
#ifndef MTN_PIN_H
#define MTN_PIN_H

void mtn_pin(void);

#endif
