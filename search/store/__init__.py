"""The folder of a sweep.

store, stages, segments    checkpoints and records, safe against any kill; checkpoint_writer writes them in a thread
plan_file, provenance      plan.json, provenance.json
lock, lease                which process runs the sweep: on a file system, behind a URL
location, health, remote   where a sweep may be stored, whether its storage works, paths behind URLs
leftovers                  temporary files of killed writers
command_line               the command that resumes a sweep
"""
