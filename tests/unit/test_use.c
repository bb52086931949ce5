/* Tests that debug builds notice two threads at one writer or reader. They own the writer and
 * the children in which it is noticed. */
/* story: two threads shared a writer without a lock, and its memory was overwritten much later
 */
#include "core.h"

#include "core/reader.h"
#include "core/writer.h"

#if defined(_WIN32)
int main(void)
{
    return puts("1..0 # skipped: no children by fork") < 0;
}
#else

static void *stay_inside(void *user)
{
    (void)MTM_USE_BEGIN((mtm_a32 *)user);
    return NULL;
}

static void add_to(void *writer)
{
    mtm_writer_add_nil(writer);
}

static void read_from(void *reader)
{
    struct mtm_value value;
    mtm_reader_next_aligned(reader, &value);
}

/* How a child ends that calls use(what) while another thread is inside: 0, or the signal. */
static int ends_by(void (*use)(void *), void *what, mtm_a32 *user)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        core_elsewhere(stay_inside, user);
        use(what);
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how);
}

static void a_second_thread_is_noticed(void **state)
{
    (void)state;
    struct mtm_writer writer;
    struct mtm_reader reader;
    assert_int_equal(mtm_writer_init(&writer, 0, false, 2), MTM_OK);
    assert_int_equal(mtm_reader_init(&reader, 0, false, 2), MTM_OK);
    const int expected = UNIT_DEBUG ? SIGABRT : 0;
    assert_int_equal(ends_by(add_to, &writer, &writer.user), expected);
    assert_int_equal(ends_by(read_from, &reader, &reader.user), expected);
    mtm_writer_fini(&writer);
    mtm_reader_fini(&reader);
}

/* As a finalizer does that runs while values are added. */
static void the_same_thread_may_come_in_again(void **state)
{
    (void)state;
    struct mtm_writer writer;
    assert_int_equal(mtm_writer_init(&writer, 0, false, 2), MTM_OK);
    const uint32_t use = MTM_USE_BEGIN(&writer.user);
    assert_int_equal(mtm_writer_add_nil(&writer), MTM_OK);
    MTM_USE_END(&writer.user, use);
    assert_int_equal(mtm_load_seq(&writer.user), 0);
    mtm_writer_fini(&writer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a second thread is noticed", a_second_thread_is_noticed),
        CORE_TEST("the same thread may come in again", the_same_thread_may_come_in_again),
    };
    return UNIT_RUN(tests);
}
#endif
