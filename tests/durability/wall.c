/* The wall clock of one process, moved by the seconds that a file holds; no other clock is touched.
 *
 * Loaded before the C library (LD_PRELOAD). It declares what it uses itself, so that it needs a
 * compiler and no headers. libfaketime is no help here: it moves the waits of threads as well, and
 * Python's interpreter lock then wakes ten times as often.
 */

struct moment {
    long seconds;
    long fraction; /* nanoseconds, or microseconds for gettimeofday */
};

extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern void *mmap(void *at, unsigned long size, int protection, int flags, int file, long from);
extern void *dlsym(void *where, const char *name);

#define NEXT ((void *)-1L)
#define READ_ONLY 0
#define READABLE 1
#define SHARED 1

static const long nothing = 0;
static const volatile long *moved = &nothing;
static int (*real)(int, struct moment *);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("WALL_CLOCK");
    real = (int (*)(int, struct moment *))dlsym(NEXT, "clock_gettime");
    if (path) {
        int file = open(path, READ_ONLY);
        void *found = mmap(0, sizeof(long), READABLE, SHARED, file, 0);
        if (found != (void *)-1L)
            moved = found;
    }
}

static int is_wall(int clock)
{
    return clock == 0 || clock == 5 || clock == 11; /* real time, its coarse sister, and TAI */
}

int clock_gettime(int clock, struct moment *now)
{
    int failed;
    if (!real)
        begin();
    failed = real(clock, now);
    if (!failed && is_wall(clock))
        now->seconds += *moved;
    return failed;
}

int gettimeofday(struct moment *now, void *zone)
{
    int failed = clock_gettime(0, now);
    if (!failed)
        now->fraction /= 1000;
    return failed;
}

long time(long *where)
{
    struct moment now;
    clock_gettime(0, &now);
    if (where)
        *where = now.seconds;
    return now.seconds;
}
