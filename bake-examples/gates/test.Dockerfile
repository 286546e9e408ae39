FROM image
RUN test "$(answer)" = 42
