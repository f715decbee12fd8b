/* replay FILE CONNECTIONS RATE PORT...: an open-loop load that costs little itself.
 *
 * FILE holds requests, each after its length (32 bits of this machine). Each leaves when it is due,
 * RATE a second, on connections to the ports in turn, whether or not answers came. Written to
 * standard output, as doubles: how late the latest left, then for each request, in order, the seconds
 * from when it was due to its answer; negative if that was not 2xx, infinite if none came.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double PATIENCE = 60.0; /* seconds for the answers after the last request */
static const char STATUS[] = "HTTP/1.1 ";

struct connection {
    int fd;
    size_t answered; /* requests of this connection that were */
    size_t matched;  /* characters of STATUS that were just read */
};

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec * 1e-9;
}

static int connected(int port)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof there))
        err(1, "port %d", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int main(int count, char **words)
{
    struct stat about;
    int file = count > 4 ? open(words[1], O_RDONLY) : -1;
    if (file < 0 || fstat(file, &about))
        err(1, "replay FILE CONNECTIONS RATE PORT...");
    const char *bytes = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (bytes == MAP_FAILED)
        err(1, "%s", words[1]);
    const size_t connections = strtoul(words[2], NULL, 10);
    const double rate = strtod(words[3], NULL);

    size_t requests = 0;
    uint32_t length;
    for (off_t at = 0; at < about.st_size; at += sizeof length + length, requests++)
        memcpy(&length, bytes + at, sizeof length);

    double *took = malloc((requests + 1) * sizeof *took), *latest = took++;
    struct connection *all = calloc(connections, sizeof *all);
    int poll = epoll_create1(0);
    if (!took || !all || poll < 0 || !connections)
        err(1, "no room");
    for (size_t i = 0; i < requests; i++)
        took[i] = INFINITY;
    for (size_t i = 0; i < connections; i++) {
        struct epoll_event wish = {.events = EPOLLIN, .data.u64 = i};
        all[i].fd = connected(atoi(words[4 + i % (count - 4)]));
        if (epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &wish))
            err(1, "epoll");
    }

    size_t sent = 0, answered = 0;
    const char *next = bytes;
    const double began = now();
    const double enough = began + requests / rate + PATIENCE;
    *latest = 0.0;
    while (answered < requests) {
        double at = now();
        if (at > enough)
            break;
        while (sent < requests && began + sent / rate <= at) {
            memcpy(&length, next, sizeof length);
            /* What a server does not read for so long that its socket is full is no load any more. */
            if (send(all[sent % connections].fd, next + sizeof length, length, MSG_NOSIGNAL) != length)
                err(1, "a connection takes no more");
            *latest = fmax(*latest, at - (began + sent / rate));
            next += sizeof length + length;
            sent++;
        }
        struct epoll_event found[64];
        int ready = epoll_wait(poll, found, 64, 1);
        if (ready < 0 && errno != EINTR)
            err(1, "epoll");
        for (int i = 0; i < ready; i++) {
            char text[16384];
            size_t which = found[i].data.u64;
            struct connection *it = &all[which];
            ssize_t size = recv(it->fd, text, sizeof text, 0);
            if (size <= 0)
                err(1, "a connection was closed");
            at = now();
            for (ssize_t place = 0; place < size; place++) {
                if (it->matched == sizeof STATUS - 1) {
                    size_t request = which + connections * it->answered++;
                    double seconds = at - (began + request / rate);
                    took[request] = text[place] == '2' ? seconds : -seconds;
                    it->matched = 0;
                    answered++;
                } else if (text[place] == STATUS[it->matched]) {
                    it->matched++;
                } else {
                    it->matched = text[place] == STATUS[0];
                }
            }
        }
    }
    return fwrite(latest, sizeof *latest, requests + 1, stdout) != requests + 1;
}
