use super::*;

const GOOD: Format = Format { tag: 1, channels: 1, rate: 44_100, bits: 16 };

/// A wav file with some chunk before the samples.
fn wav(format: Format, samples: &[u8]) -> Vec<u8> {
    let Format { tag, channels, rate, bits } = format;
    let frame = channels * bits / 8;
    let mut chunks = b"WAVEfmt ".to_vec();
    chunks.extend(16_u32.to_le_bytes());
    chunks.extend(tag.to_le_bytes());
    chunks.extend(channels.to_le_bytes());
    chunks.extend(rate.to_le_bytes());
    chunks.extend((rate * u32::from(frame)).to_le_bytes());
    chunks.extend(frame.to_le_bytes());
    chunks.extend(bits.to_le_bytes());
    chunks.extend(b"LIST\x03\0\0\0abc\0data");
    chunks.extend((samples.len() as u32).to_le_bytes());
    chunks.extend(samples);
    let mut wav = b"RIFF".to_vec();
    wav.extend((chunks.len() as u32).to_le_bytes());
    wav.extend(chunks);
    wav
}

#[test]
fn takes_what_the_robot_plays() {
    assert_eq!(check_wav(&wav(GOOD, &[0; 100])), Ok(GOOD));
    let stereo = Format { channels: 2, ..GOOD };
    assert_eq!(check_wav(&wav(stereo, &[0; 100])), Ok(stereo));
    // The extensible form, as some programs write it for plain PCM.
    let mut extensible = wav(Format { tag: EXTENSIBLE, ..GOOD }, &[0; 4]);
    extensible[16] = 40;
    let mut extension = vec![22, 0, 16, 0, 4, 0, 0, 0, 1, 0];
    extension.extend([0; 14]);
    extensible.splice(36..36, extension);
    assert_eq!(check_wav(&extensible), Ok(GOOD));
}

#[test]
fn says_what_a_file_is_instead() {
    for (format, text) in [
        (Format { rate: 22_050, ..GOOD }, "PCM, 16 bit, 22050 Hz, 1 channel;"),
        (Format { bits: 8, channels: 2, ..GOOD }, "PCM, 8 bit, 44100 Hz, 2 channels;"),
        (Format { tag: 3, bits: 32, ..GOOD }, "floating point, 32 bit"),
        (Format { channels: 6, ..GOOD }, "6 channels"),
    ] {
        let error = check_wav(&wav(format, &[0; 100])).unwrap_err();
        assert_eq!(error, NotPlayable::Format(format));
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(check_wav(b"ID3\x04mp3"), Err(NotPlayable::NotWav));
    assert_eq!(check_wav(b""), Err(NotPlayable::NotWav));
    assert_eq!(check_wav(&wav(GOOD, &[])), Err(NotPlayable::Empty));
    assert_eq!(check_wav(&vec![0; LONGEST + 1]), Err(NotPlayable::TooLong(LONGEST + 1)));
}

#[test]
fn a_file_that_ends_early_is_noticed_wherever_it_ends() {
    let whole = wav(GOOD, &[7; 10]);
    for length in 0..whole.len() {
        let error = check_wav(&whole[..length]).unwrap_err();
        let expected = if length < 12 { NotPlayable::NotWav } else { NotPlayable::Cut };
        assert_eq!(error, expected, "{length}");
    }
}

#[test]
fn blocks_hold_the_whole_file() {
    for length in [1, BLOCK, 3 * BLOCK + 5] {
        let file = wav(GOOD, &vec![9; length]);
        let upload = Upload::new("bark \"loud\"", file.clone(), 1_700_000_000_123).unwrap();
        let requests: Vec<_> = upload.requests().collect();
        assert_eq!(requests.len(), upload.blocks());
        let mut content = String::new();
        for (index, request) in requests.iter().enumerate() {
            let topic = "rt/api/audiohub/request";
            assert_eq!((request.topic.as_str(), request.api_id), (topic, 2001));
            let block: Value = serde_json::from_str(&request.parameter).unwrap();
            let text = block["block_content"].as_str().unwrap();
            assert_eq!(
                text.len() == 4096,
                index + 1 < requests.len() || file.len().is_multiple_of(BLOCK)
            );
            assert_eq!(block["current_block_size"], text.len());
            assert_eq!(block["current_block_index"], index + 1);
            assert_eq!(block["total_block_number"], requests.len());
            assert_eq!(
                (&block["file_name"], &block["file_type"]),
                (&json!("bark \"loud\""), &json!("wav"))
            );
            assert_eq!(block["file_size"], file.len());
            assert_eq!(block["create_time"], 1_700_000_000_123_u64);
            content += text;
        }
        assert_eq!(content, BASE64_STANDARD.encode(&file));
    }
    // Of sixteen bytes that md5sum was asked about.
    let digest: String =
        Md5::digest(b"0123456789abcdef").iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(digest, "4032af8d61035123906e58e067140cc5");
}

#[test]
fn lists_are_read_in_the_forms_that_they_come_in() {
    let bark = Recording { unique_id: "a1".into(), name: "bark".into() };
    let nameless = Recording { unique_id: "b2".into(), name: "b2".into() };
    let robot = r#"{"audio_list":[{"UNIQUE_ID":"a1","CUSTOM_NAME":"bark"},{"UNIQUE_ID":"b2"},{"CUSTOM_NAME":"x"}]}"#;
    assert_eq!(recordings(robot), Some(vec![bark.clone(), nameless.clone()]));
    let bare = r#"[{"unique_id":"a1","custom_name":"bark"}]"#;
    assert_eq!(recordings(bare), Some(vec![bark.clone()]));
    assert_eq!(recordings(r#"{"audio_list":[]}"#), Some(vec![]));
    for bad in ["", "7", "{}", "{\"a\":1}"] {
        assert_eq!(recordings(bad), None, "{bad}");
    }
    let list = [bark.clone(), nameless, Recording { unique_id: "bark".into(), name: "x".into() }];
    assert_eq!(find(&list, "bark").unwrap().unique_id, "bark");
    assert_eq!(find(&list, "bark.wav"), Some(&bark));
    assert_eq!(find(&list, "a1"), Some(&bark));
    assert_eq!(find(&list, "meow"), None);
}

#[test]
fn names_are_clean_and_ids_stay_as_they_are() {
    let nasty = crate::text::nasty();
    let data = json!([{"UNIQUE_ID": nasty, "CUSTOM_NAME": nasty}, {"UNIQUE_ID": nasty}]);
    for recording in recordings(&data.to_string()).unwrap() {
        crate::text::assert_clean(&recording.name, LONGEST_NAME);
        assert_eq!(play(&recording.unique_id).parameter, json!({"unique_id": nasty}).to_string());
        // Whoever types what is shown means it, too.
        assert_eq!(find(std::slice::from_ref(&recording), &recording.name), Some(&recording));
    }
}
