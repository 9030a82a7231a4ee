//! What rcl makes of arguments, which r2r does not pass on: parameters by section, remapped names, and why it refuses them.
#![allow(unsafe_code)] // rcl is reached by its C interface only

use std::ffi::{c_char, CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};

use r2r::ParameterValue;
use r2r_rcl::{
    rcl_allocator_t, rcl_arguments_fini, rcl_arguments_get_count_unparsed_ros,
    rcl_arguments_get_param_overrides, rcl_arguments_get_unparsed_ros, rcl_arguments_t,
    rcl_get_zero_initialized_arguments, rcl_params_t, rcl_parse_arguments, rcl_ret_t,
    rcl_variant_t, rcl_yaml_node_struct_fini, rcutils_error_is_set, rcutils_get_default_allocator,
    rcutils_get_error_string, rcutils_logging_get_logger_level, rcutils_logging_set_logger_level,
    rcutils_reset_error, RCL_RET_OK, RCUTILS_LOG_SEVERITY,
};

unsafe extern "C" {
    /// `rcl/remap.h`, which r2r_rcl has no binding of.
    fn rcl_remap_topic_name(
        local_arguments: *const rcl_arguments_t,
        global_arguments: *const rcl_arguments_t,
        topic_name: *const c_char,
        node_name: *const c_char,
        node_namespace: *const c_char,
        allocator: rcl_allocator_t,
        output_name: *mut *mut c_char,
    ) -> rcl_ret_t;
}

/// Parameters under the name of a node, or of several by wildcards.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    /// As it was written, nested names joined by slashes.
    pub(crate) name: String,
    /// In the order in which they were written; nested names joined by dots.
    pub(crate) values: Vec<(String, ParameterValue)>,
}

/// Arguments that rcl has parsed.
pub(crate) struct Arguments(rcl_arguments_t);

impl Arguments {
    /// Has rcl parse arguments, of which those after `--ros-args` count. The error is one sentence.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let texts: Result<Vec<_>, _> =
            arguments.iter().map(|text| CString::new(text.as_str())).collect();
        let texts = texts.map_err(|_| "an argument has a zero byte".to_owned())?;
        let mut pointers: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        let count = i32::try_from(pointers.len()).map_err(|error| error.to_string())?;
        pointers.push(null());
        // SAFETY: rcl copies what it keeps of the `count` texts, which live until it has returned; the result is written
        // only where it succeeds, and empty arguments may be given to `rcl_arguments_fini` as well.
        let mut parsed = Self(unsafe { rcl_get_zero_initialized_arguments() });
        let status = unsafe {
            let allocator = rcutils_get_default_allocator();
            rcl_parse_arguments(count, pointers.as_ptr(), allocator, &mut parsed.0)
        };
        checked(status)?;
        match parsed.unknown()?.and_then(|index| arguments.get(index)) {
            Some(unknown) => Err(format!("{unknown} is not an argument that ROS knows")),
            None => Ok(parsed),
        }
    }

    /// The first of ROS's arguments that rcl does not know.
    fn unknown(&self) -> Result<Option<usize>, String> {
        // SAFETY: The arguments are rcl's own. It allocates as many indices as it counts.
        unsafe {
            if rcl_arguments_get_count_unparsed_ros(&self.0) <= 0 {
                return Ok(None);
            }
            let allocator = rcutils_get_default_allocator();
            let mut indices = null_mut();
            checked(rcl_arguments_get_unparsed_ros(&self.0, allocator, &mut indices))?;
            let first = usize::try_from(*indices).ok();
            if let Some(deallocate) = allocator.deallocate {
                deallocate(indices.cast(), allocator.state);
            }
            Ok(first)
        }
    }

    /// Parameters of files and single ones, as rcl puts them together.
    pub(crate) fn sections(&self) -> Result<Vec<Section>, String> {
        let mut parameters: *mut rcl_params_t = null_mut();
        // SAFETY: The arguments are rcl's own. What it gives is a copy for us, or null where there is none.
        unsafe {
            checked(rcl_arguments_get_param_overrides(&self.0, &mut parameters))?;
            let Some(all) = parameters.as_ref() else { return Ok(vec![]) };
            let names = slice(all.node_names, all.num_nodes);
            let nodes = slice(all.params, all.num_nodes);
            let section = |(name, node): (&*mut c_char, &r2r_rcl::rcl_node_params_t)| Section {
                name: text(*name),
                values: slice(node.parameter_names, node.num_params)
                    .iter()
                    .zip(slice(node.parameter_values, node.num_params))
                    .map(|(name, variant)| (text(*name), value(variant)))
                    .collect(),
            };
            let sections = names.iter().zip(nodes).map(section).collect();
            rcl_yaml_node_struct_fini(parameters);
            Ok(sections)
        }
    }

    /// The name that a topic has once it is remapped. `topic` is absolute, `node` and `namespace` are those of the node
    /// after remapping.
    pub(crate) fn remapped(&self, topic: &str, node: &str, namespace: &str) -> String {
        let texts = [topic, node, namespace].map(CString::new);
        let [Ok(name), Ok(node), Ok(namespace)] = texts else { return topic.to_owned() };
        let mut remapped: *mut c_char = null_mut();
        // SAFETY: All texts live until rcl has returned. It allocates the new name, or leaves it null where no rule fits.
        unsafe {
            let allocator = rcutils_get_default_allocator();
            let status = rcl_remap_topic_name(
                null(),
                &self.0,
                name.as_ptr(),
                node.as_ptr(),
                namespace.as_ptr(),
                allocator,
                &mut remapped,
            );
            if checked(status).is_err() || remapped.is_null() {
                return topic.to_owned();
            }
            let name = text(remapped);
            if let Some(deallocate) = allocator.deallocate {
                deallocate(remapped.cast(), allocator.state);
            }
            name
        }
    }
}

impl Drop for Arguments {
    fn drop(&mut self) {
        if !self.0.impl_.is_null() {
            // SAFETY: They are rcl's own, and nobody uses them any more.
            unsafe { rcl_arguments_fini(&mut self.0) };
        }
    }
}

/// ROS's context, made of the arguments of this process. r2r panics where rcl refuses them; here it is an error.
pub(crate) fn context() -> Result<r2r::Context, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let created = catch_unwind(AssertUnwindSafe(r2r::Context::create));
    std::panic::set_hook(hook);
    match created {
        Ok(Ok(context)) => Ok(context),
        // All else panics.
        Ok(Err(_)) => Err(format!(
            "ROS cannot write its log: {}. Set ROS_LOG_DIR to a directory that can be written, or give --ros-args \
             --disable-external-lib-logs",
            last_error()
        )),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(|text| without_places(text));
            Err(said.unwrap_or_else(last_error))
        }
    }
}

/// The node. The error is one sentence.
pub(crate) fn node(context: r2r::Context, name: &str) -> Result<r2r::Node, String> {
    r2r::Node::create(context, name, "").map_err(|error| format!("{error}: {}", last_error()))
}

/// Has rcl say no more than errors while `task` runs, unless arguments set its level.
pub(crate) fn quietly<T>(task: impl FnOnce() -> T) -> T {
    const NAME: &CStr = c"rcl";
    const SEVERITY_ERROR: i32 = RCUTILS_LOG_SEVERITY::RCUTILS_LOG_SEVERITY_ERROR as i32;
    // SAFETY: Text and level are constants.
    let level = unsafe { rcutils_logging_get_logger_level(NAME.as_ptr()) };
    unsafe { rcutils_logging_set_logger_level(NAME.as_ptr(), SEVERITY_ERROR) };
    let result = task();
    unsafe {
        if rcutils_logging_get_logger_level(NAME.as_ptr()) == SEVERITY_ERROR {
            rcutils_logging_set_logger_level(NAME.as_ptr(), level);
        }
    }
    result
}

fn checked(status: rcl_ret_t) -> Result<(), String> {
    if status == RCL_RET_OK as rcl_ret_t {
        Ok(())
    } else {
        Err(last_error())
    }
}

/// What rcl said last of an error in this thread, which it forgets by that.
fn last_error() -> String {
    // SAFETY: The text is a copy that ends with a zero byte.
    unsafe {
        if !rcutils_error_is_set() {
            return "ROS does not say why".to_owned();
        }
        let error = rcutils_get_error_string();
        rcutils_reset_error();
        without_places(&CStr::from_ptr(error.str_.as_ptr()).to_string_lossy())
    }
}

/// Without `, at FILE:LINE`, which rcl puts behind each part of an error.
fn without_places(text: &str) -> String {
    let mut parts = text.split(", at ");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let place = part
            .split_once(':')
            .map(|(file, rest)| (file, rest.trim_start_matches(|c: char| c.is_ascii_digit())));
        match place {
            Some((file, rest)) if file.contains(".c") => told.push_str(rest),
            _ => {
                told.push_str(", at ");
                told.push_str(part);
            }
        }
    }
    let told = told.replace('\n', " ");
    // What rcl's parser says of itself helps nobody.
    let end = [". Error: error not set", ". Error: Expected lexeme"]
        .iter()
        .find_map(|vain| told.find(vain));
    told[..end.unwrap_or(told.len())].trim().to_owned()
}

/// Nothing for null.
///
/// # Safety
///
/// A pointer that is not null points to so many values, which outlive the slice.
unsafe fn slice<'a, T>(start: *const T, count: usize) -> &'a [T] {
    if start.is_null() {
        &[]
    } else {
        unsafe { std::slice::from_raw_parts(start, count) }
    }
}

/// # Safety
///
/// It is null or ends with a zero byte.
unsafe fn text(start: *const c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}

/// The first that is there, in the order in which rclcpp and rclpy look.
///
/// # Safety
///
/// It is rcl's own.
unsafe fn value(variant: &rcl_variant_t) -> ParameterValue {
    use ParameterValue as P;
    unsafe {
        if let Some(on) = variant.bool_value.as_ref() {
            P::Bool(*on)
        } else if let Some(number) = variant.integer_value.as_ref() {
            P::Integer(*number)
        } else if let Some(number) = variant.double_value.as_ref() {
            P::Double(*number)
        } else if !variant.string_value.is_null() {
            P::String(text(variant.string_value))
        } else if let Some(list) = variant.byte_array_value.as_ref() {
            P::ByteArray(slice(list.values, list.size).to_vec())
        } else if let Some(list) = variant.bool_array_value.as_ref() {
            P::BoolArray(slice(list.values, list.size).to_vec())
        } else if let Some(list) = variant.integer_array_value.as_ref() {
            P::IntegerArray(slice(list.values, list.size).to_vec())
        } else if let Some(list) = variant.double_array_value.as_ref() {
            P::DoubleArray(slice(list.values, list.size).to_vec())
        } else if let Some(list) = variant.string_array_value.as_ref() {
            P::StringArray(slice(list.data, list.size).iter().map(|each| text(*each)).collect())
        } else {
            P::NotSet
        }
    }
}
