# shellcheck shell=bash
# Sourced by scripts/setup and scripts/env.sh: which ROS 2 this machine is to use. Both have to come to the same answer.

# Where the embedded ROS 2 lies, or would lie.
go2_ros_home() {
    local root
    root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
    realpath -m -- "${GO2_ROS_HOME:-$root/.ros}"
}

# Prints `sourced`, the directory of a distribution's ROS 2, or `embedded`.
go2_find_ros() {
    local distro
    # The embedded one counts as itself, sourced or not: it has to be brought up to date like any other time.
    if [[ ":${AMENT_PREFIX_PATH-}:" == *":$(go2_ros_home)/venv:"* ]]; then
        echo embedded
        return
    fi
    if [[ -n ${AMENT_PREFIX_PATH-} && -n ${ROS_DISTRO-} ]]; then
        echo sourced
        return
    fi
    # Best first. r2r supports these and refuses Kilted.
    for distro in jazzy humble lyrical rolling iron; do
        if [[ -f /opt/ros/$distro/setup.bash ]]; then
            echo "/opt/ros/$distro"
            return
        fi
    done
    echo embedded
}
