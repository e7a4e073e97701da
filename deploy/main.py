"""The job's entry on the service: ``main.py`` of its zip, the run option ``python``."""

from flink_job.main import main

if __name__ == "__main__":
    main()
