// Linked with one whole room and the rooms it may use: a wrong arrow is an undefined symbol here.
int main() {
    return 0;
}
