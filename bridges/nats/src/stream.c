/* Streams of a server: made if they are not there. It owns nothing; what goes through them is
 * the business of exports and imports. */
#include "stream.h"

#include <string.h>

const char *mtn_stream_add(struct mtn_conn *conn, const struct mtn_stream_options *o,
                           char text[MTN_TEXT])
{
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    jsStreamConfig config;
    jsErrCode code = 0;
    natsStatus s = natsConnection_JetStream(&js, conn->nc, NULL);
    if (s == NATS_OK) s = jsStreamConfig_Init(&config);
    if (s == NATS_OK) {
        config.Name = o->name;
        config.Subjects = (const char **)o->subjects;
        config.SubjectsLen = o->subject_count;
        config.MaxMsgs = o->most_messages > 0 ? o->most_messages : -1;
        config.MaxBytes = o->most_bytes > 0 ? o->most_bytes : -1;
        config.MaxAge = o->most_age_ns;
        config.Storage = o->in_memory ? js_MemoryStorage : js_FileStorage;
        config.Retention = o->is_queue ? js_WorkQueuePolicy : js_LimitsPolicy;
        config.Discard = o->drops_old ? js_DiscardOld : js_DiscardNew;
        s = js_AddStream(&info, js, &config, NULL, &code);
    }
    if (s != NATS_OK) mtn_text_of(s, text);
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    return s == NATS_OK ? NULL : text;
}
