# shellcheck shell=bash
# Source this in bash: finds the ROS 2 that scripts/setup found or made, and exports its environment.
#
#     source scripts/env.sh
#
# A ROS 2 that is sourced already is left alone. Otherwise a distribution's under /opt/ros is taken, and where there is
# none, the project's own under .ros (GO2_ROS_HOME names another place for it).

_go2_scripts=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/ros/find.sh
source "$_go2_scripts/ros/find.sh"
# shellcheck source=scripts/ros/embedded.sh
source "$_go2_scripts/ros/embedded.sh"

_go2_source_ros() {
    local found home
    home=$(go2_ros_home)
    found=$(go2_find_ros)
    case $found in
        sourced) ;;
        /*)
            # ROS's own set-up files read variables that are not set.
            local restore
            restore=$(shopt -po nounset) || true
            set +u
            # shellcheck disable=SC1091
            source "$found/setup.bash"
            eval "$restore"
            ;;
        *)
            if [[ ! -f $home/ready ]]; then
                echo "env.sh: no ROS 2 here yet: run scripts/setup first" >&2
                return 1
            fi
            go2_embedded_env "$home"
            ;;
    esac
    # Nothing that a test or a demo publishes may leave this machine, unless its user says so.
    export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
    # Humble has another name for it.
    if [[ $ROS_DISTRO == humble ]]; then
        export ROS_LOCALHOST_ONLY=${ROS_LOCALHOST_ONLY:-1}
    fi
}

_go2_source_ros
