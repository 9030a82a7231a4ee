# shellcheck shell=bash
# Sourced by scripts/env.sh and scripts/ros/install: the environment of the ROS 2 that scripts/setup brings.

# Puts $2 in front of the colon-separated variable named $1, once.
_go2_prepend() {
    local value=${!1-}
    case ":$value:" in
        *":$2:"*) ;;
        *) export "$1=$2${value:+:$value}" ;;
    esac
}

# Exports the environment of the embedded ROS 2 under the directory $1.
go2_embedded_env() {
    local prefix=$1/venv overlay=$1/overlay dir
    # Libraries that the wheels carry for themselves (Fast DDS, spdlog) lie in directories beside the packages.
    for dir in "$prefix"/lib/python3.*/site-packages/ros_*.libs; do
        _go2_prepend LD_LIBRARY_PATH "$dir"
    done
    for dir in "$prefix" "$overlay"; do
        _go2_prepend AMENT_PREFIX_PATH "$dir"
        _go2_prepend CMAKE_PREFIX_PATH "$dir"
        _go2_prepend LD_LIBRARY_PATH "$dir/lib"
    done
    for dir in "$overlay"/lib/python3.*/site-packages; do
        _go2_prepend PYTHONPATH "$dir"
    done
    _go2_prepend PATH "$prefix/bin"
    export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
    # The wheels make every Python start itself anew to set LD_LIBRARY_PATH. It is set already.
    export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
}
