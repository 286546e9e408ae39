// Mixes numbers; prints a checksum that is the same on every machine.
#include <stdint.h>
#include <stdio.h>

int main(void) {
    uint64_t sum = 88172645463325252u;
    for (int i = 0; i < 1000000; i++) {
        sum ^= sum << 13;
        sum ^= sum >> 7;
        sum ^= sum << 17;
    }
    printf("%016llx\n", (unsigned long long)sum);
    return 0;
}
