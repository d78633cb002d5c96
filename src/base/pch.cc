// The precompiled standard headers are built from this empty file.
