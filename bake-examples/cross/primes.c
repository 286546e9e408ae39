/* Counts prime numbers, and says what it was compiled for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__)
#define MACHINE "aarch64"
#elif defined(__x86_64__)
#define MACHINE "x86_64"
#else
#define MACHINE "something else"
#endif

enum { LIMIT = 100000 };

int main(void)
{
    char *composite = calloc(LIMIT, 1);
    int count = 0;

    if (composite == NULL)
        return 1;
    for (int n = 2; n < LIMIT; n++) {
        if (composite[n])
            continue;
        count++;
        for (long m = (long)n * n; m < LIMIT; m += n)
            composite[m] = 1;
    }
    printf("%d primes below %d, counted on %s\n", count, LIMIT, MACHINE);
    free(composite);
    return 0;
}
